"""Processes that start as forks are as those that Python starts."""

from __future__ import annotations

import os
from pathlib import Path

from processes import python

TELLS = """
import os, sys
print("dguide" in sys.modules, "torch" in sys.modules, os.environ.get("MINE"), os.getcwd(), sys.argv[1:])
print("é", file=sys.stderr)
sys.exit(3)
"""


def test_a_process_has_what_it_was_given_and_nothing_of_dguide(tmp_path: Path) -> None:
    import dguide  # noqa: F401  # this process has it

    done = python("-c", TELLS, "a", env=os.environ | {"MINE": "1", "PYTHONIOENCODING": "ascii"}, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, b"\\xe9\n")
    assert done.stdout.decode() == f"False True 1 {tmp_path} ['a']\n"
    assert b"None" in python("-c", TELLS).stdout


def test_how_a_process_fails_is_seen(tmp_path: Path) -> None:
    done = python("-c", "import warnings; warnings.warn('planted')", strict=True)
    assert (done.returncode, b"UserWarning: planted" in done.stderr) == (1, True)
    done = python("-c", "import pathlib; pathlib.Path('x').write_bytes(bytes(9000))", limit=4000, cwd=tmp_path)
    assert (done.returncode, b"File too large" in done.stderr) == (1, True)
    assert python("-c", "import os; os.abort()").returncode < 0
    assert python("-m", "json.tool", "nothing").returncode != 0
