"""The memory for a folder of images does not grow by all of its pixels, as bytes or as floats."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import large_folders, memory
from benchmarks.common import ROOT

SIDE, FEW, COUNT = 256, 32, 128


@pytest.mark.skipif(not memory._STATUS.exists(), reason="needs the memory of a process as Linux tells it")
@pytest.mark.parametrize("stage", ["first load with the tokenizer", "check of the tokenizer"])
def test_a_folder_is_read_a_few_pictures_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """What 128 images take more than 32 is less than their bytes, 19 MB; their floats would be 75 MB."""
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):  # so that freed memory is given back
        monkeypatch.setenv(name, "131072")
    grown = {}
    for count in (FEW, COUNT):
        folder = tmp_path / f"{count}"
        large_folders.make(folder, count, SIDE)
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        command = [sys.executable, "-m", "benchmarks.large_folders", "--stage"]
        first = [*command, stage, str(folder)]
        done = subprocess.run(first, capture_output=True, text=True, check=True, cwd=ROOT)
        told = json.loads(done.stdout)
        grown[count] = told["peak"] - told["before"]
    assert grown[COUNT] - grown[FEW] < 16e6
