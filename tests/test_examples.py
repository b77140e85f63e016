"""Every script in `examples/` runs, prints something, and is listed in its README."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from processes import python

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def needs(script: Path) -> pytest.MarkDecorator:
    """A skip for the script whose model is in a package that the tests do not install."""
    return pytest.mark.skipif(
        script.stem == "antibodies" and not installed("antiberty"), reason="needs antiberty, 97 MB"
    )


def installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


@pytest.mark.parametrize("script", [pytest.param(each, marks=needs(each), id=each.stem) for each in SCRIPTS])
def test_an_example_runs(script, tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}  # temporary folders go to tmp_path
    done = python(script, cwd=tmp_path, env=environment, strict=True)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.strip()


def test_the_readme_lists_every_example():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert len(SCRIPTS) >= 9
    for script in SCRIPTS:
        assert f"[{script.name}]({script.name})" in text
