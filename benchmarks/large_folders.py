"""The memory and the processor time that a large folder of images takes, from its first load to a step of training.

20,000 images of 256 x 256 pixels in colour are 4 GB as bytes and 16 GB as floats. Each stage runs in a process of its
own; its peak is the most resident memory, and the pages of mapped files that the system keeps for it are part of it.
With --count N, fewer images are measured: the figures are printed, and nothing is written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from dguide import tokenizers
from dguide.data import Pictures, load, pictures
from dguide.evaluate.reconstructions.check import check
from dguide.tokenizers import Autoencoder, LearntTokenizer
from dguide.train import TokenizerConfig, TrainConfig
from dguide.train.denoisers import Denoising
from dguide.train.tokenizers.task import Tokenizing
from studies.common import ROOT, Study, table

from . import memory

COUNT, SIDE, FACTOR = 20_000, 256, 16


def make(folder: Path, count: int, side: int = SIDE) -> None:
    """A folder of images in two classes, each of random colours in 8 x 8 squares, and a tokenizer of random weights."""
    random, square = np.random.default_rng(0), side // 8
    for name in "ab":
        (folder / "images" / name).mkdir(parents=True)
    for n in range(count):
        colours = random.integers(256, size=(8, 8, 3), dtype=np.uint8).repeat(square, 0).repeat(square, 1)
        Image.fromarray(colours).save(folder / "images" / "ab"[n % 2] / f"{n:06d}.png", compress_level=1)
    weights = torch.Generator().manual_seed(0)
    network = Autoencoder(3, (8, 8, 8), FACTOR, width=8, generator=weights)
    tokenizers.save(folder / "tokenizer", LearntTokenizer(network, side, side))


def loaded(folder: Path) -> None:
    """Loads the data set with the tokenizer: at first all images are decoded and encoded, and later none."""
    load(f"images:{folder / 'images'},tokenizer={folder / 'tokenizer'}")


def tokenizer_step(folder: Path) -> None:
    """Begins the training of a tokenizer, and takes the gradient of a step."""
    data = f"images:{folder / 'images'},size={SIDE}"
    task = Tokenizing(TokenizerConfig(out=folder / "new", data=data, steps=1, factor=FACTOR, width=8, batch_size=16))
    task.loss(task.model, task.draw(0)).backward()


def denoiser_step(folder: Path) -> None:
    """Begins the training of a denoiser of the tokens, and takes the gradient of a step."""
    data = f"images:{folder / 'images'},tokenizer={folder / 'tokenizer'}"
    task = Denoising(TrainConfig(out=folder / "model", data=data, steps=1, width=64, layers=2, heads=4))
    task.loss(task.model, task.draw(0)).backward()


def checked(folder: Path) -> None:
    """Checks the tokenizer on at most 400 images as test pictures. A few others are there for the classifiers."""
    source = pictures(f"images:{folder / 'images'},size={SIDE}")
    parts = (source.train, source.validation, source.test)
    rows, labels = torch.cat([part.rows for part in parts]), torch.cat(source.labels)
    few, none, rest = (Pictures(source.test.array, some) for some in (rows[:16], rows[:0], rows[16:416]))
    all_but_few = replace(
        source, train=few, validation=none, test=rest, labels=(labels[:16], labels[:0], labels[16:416])
    )
    check(tokenizers.load(folder / "tokenizer"), all_but_few, repetitions=0, seen=64)


STAGES: dict[str, Callable[[Path], None]] = {
    "first load with the tokenizer": loaded,
    "load from the cache": loaded,
    "check of the tokenizer": checked,
    "one step of a tokenizer": tokenizer_step,
    "one step of a denoiser": denoiser_step,
}


def stage(name: str, folder: Path) -> dict[str, float]:
    """One stage, in this process: bytes at its peak, bytes before it, and processor time."""
    torch.set_num_threads(1)
    memory.forget_peak()
    before, start = memory.peak(), time.process_time()
    STAGES[name](folder)
    return {"peak": memory.peak(), "before": before, "seconds": time.process_time() - start}


def measure(count: int) -> dict[str, Any]:
    """All stages in turn, each in a process of its own, with an empty cache at first."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), count)
        for each in STAGES:
            command = [sys.executable, "-m", "benchmarks.large_folders", "--stage", each, name]
            settings = {**os.environ, "XDG_CACHE_HOME": f"{name}/cache", "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=settings)
            found[each] = json.loads(done.stdout)
            print(each, found[each], file=sys.stderr, flush=True)
    return {"count": count, "stages": found}


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = [
        [name, f"{each['peak'] / 1e6:,.0f}", f"{(each['peak'] - each['before']) / 1e6:,.0f}", f"{each['seconds']:,.0f}"]
        for name, each in results["stages"].items()
    ]
    lines = table("stage | :peak, MB | :of it by the stage, MB | :seconds of one core", rows)
    images = f"{results['count']:,} images of {SIDE} x {SIDE} pixels in colour:"
    return {"large folders": f"{images}\n\n{lines}"}


STUDY = Study(
    "large_folders",
    "tokenizers.md",
    "four minutes, and 5 GB of the folder for temporary files",
    lambda: measure(COUNT),
    sections,
    folder="benchmarks",
)


def main(words: list[str]) -> None:
    match words:
        case ["--stage", name, folder]:
            print(json.dumps(stage(name, Path(folder))))
        case ["--count", number]:
            print(sections(measure(int(number)))["large folders"])
        case _:
            STUDY.main(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
