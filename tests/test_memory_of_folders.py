"""The memory for a folder of images does not grow by all of its pixels, as bytes or as floats."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import large_folders, memory
from benchmarks.common import ROOT

SIDE, COUNTS = 256, (24, 32, 96)  # the first ones take what is loaded once
IN_TURN = """
import json, sys
from pathlib import Path
from benchmarks.large_folders import stage
print(json.dumps([stage(sys.argv[1], Path(folder)) for folder in sys.argv[2:]]))
"""


@pytest.mark.skipif(not memory._STATUS.exists(), reason="needs the memory of a process as Linux tells it")
@pytest.mark.parametrize("stage", ["first load with the tokenizer", "check of the tokenizer"])
def test_a_folder_is_read_a_few_pictures_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """What 96 images take more than 32 is less than their bytes, 12.6 MB; their floats would be 50 MB."""
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):  # so that freed memory is given back
        monkeypatch.setenv(name, "131072")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for count in COUNTS:
        large_folders.make(tmp_path / f"{count}", count, SIDE)
    command = [sys.executable, "-c", IN_TURN, stage, *(str(tmp_path / f"{count}") for count in COUNTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    _, few, many = (told["peak"] - told["before"] for told in json.loads(done.stdout))
    assert many - few < 10e6, (few, many)
