"""The memory of sampling grows by what is kept of a sample, not by what the work on it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import save_learnt

from dguide import tokenizers
from tests.tokenizers.small_tokenizers import tiny

WITH_PEAK = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
def status(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(field)).split()[1])
def grown(work):
    work(300)  # what is loaded or compiled once
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    work(int(sys.argv[1]))
    return status("VmHWM") - before
"""
LIBRARY = """
import dguide
def work(count):
    dguide.sample(
        lambda tokens, time, labels: torch.zeros(*tokens.shape, 2),
        process=dguide.Masked(2), length=1024, condition=torch.zeros(count, dtype=torch.int64), batch_size=20,
        sampler=dguide.Ancestral(1),
    )
print(grown(work))
"""
FILL = """
import contextlib, os
from dguide.cli import main
def work(count):
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        assert main([*sys.argv[3:], "--count", str(count), "--out", f"{sys.argv[2]}/{count}"]) == 0
print(grown(work))
"""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the system does not tell the peak of memory"
)


def grown(program: str, *arguments: object) -> int:
    """Bytes that the peak of a process is above the memory before the work."""
    command = [sys.executable, "-c", WITH_PEAK + program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout))


def test_samples_are_held_once() -> None:
    count, batch = 3000, 20
    kept = 8 * 1024 * count
    assert grown(LIBRARY, count) < 1.3 * kept + 200 * 1024 * batch  # clocks, uniforms and logits of a batch


def test_filled_pictures_are_held_a_few_at_a_time(tmp_path: Path) -> None:
    """Floats of all of them would take 35 MB, several times. The picture of the first ones takes 25 MB."""
    side, count = 64, 700
    tokenizers.save(tmp_path / "tokenizer", tiny(3, 16, side, side))
    model = save_learnt(tmp_path / "model", tmp_path / "tokenizer")
    Image.fromarray(np.zeros((side, side, 3), dtype=np.uint8)).save(tmp_path / "part.png")
    options = ("--region", "0,0,20,20", "--class", "a", "--steps", 1, "--weight", 0, "--batch-size", 8)
    assert grown(FILL, count, tmp_path / "made", "fill", model, tmp_path / "part.png", *options) < 40e6
