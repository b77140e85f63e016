"""What tokenizers of photographs keep, by their factor, number of codes and loss.

The pictures are tiles of the two photographs that scikit-learn has (both CC BY 2.0: the one of a temple by Daniel
Buechele, the one of a flower by user vultilion of Flickr). No two tiles overlap.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from dguide import tokenizers
from dguide.data import Pictures, pictures
from dguide.evaluate.reconstructions.check import check
from dguide.files import replacing
from dguide.train import TokenizerConfig, train_tokenizer
from dguide.train.config import option
from studies.common import ROOT, Study, table

__all__ = ["STUDY"]

SIDE, SEED = 48, 0
TRAINING: dict[str, Any] = {
    "steps": 300,
    "batch_size": 8,
    "width": 32,
    "flips": True,
    "optimizer": "adamw",
    "warmup": 30,
    "ema": 0.99,
    "device": "cpu",
}
SETTINGS: tuple[dict[str, Any], ...] = (
    {"factor": 4, "codes": 512, "loss": "worst"},
    {"factor": 8, "codes": 240, "loss": "worst"},
    {"factor": 8, "codes": 512, "loss": "worst"},
    {"factor": 8, "codes": 512, "loss": "l1"},
    {"factor": 8, "codes": 4375, "loss": "worst"},
    {"factor": 16, "codes": 512, "loss": "worst"},
)
DEFAULT = SETTINGS[2]
FIGURES = {
    "PSNR": ("PSNR, dB", 1),
    "SSIM": ("SSIM", 2),
    "mean error": ("mean error", 3),
    "local error": ("local error", 3),
}
PICTURE, SHOWN, ENLARGED = ROOT / "docs/images/tokenizers.png", (8, 21, 30), 3


def write_tiles(folder: Path) -> None:
    for name, photograph in zip(("temple", "flower"), load_sample_images().images, strict=True):
        (folder / name).mkdir(parents=True)
        height, width = (side // SIDE * SIDE for side in photograph.shape[:2])
        for top in range(0, height, SIDE):
            for left in range(0, width, SIDE):
                tile = photograph[top : top + SIDE, left : left + SIDE]
                Image.fromarray(tile).save(folder / name / f"{top}-{left}.png")


def recipe(settings: dict[str, Any], data: str, out: Path) -> TokenizerConfig:
    return TokenizerConfig(out=out, data=data, seed=SEED, **TRAINING, **settings)


def write_picture(columns: list[Pictures]) -> None:
    """The same tiles in each column: the originals, and what the tokenizers make of them."""
    tiles = [np.concatenate(list(column.batch(torch.tensor(SHOWN)).numpy())) for column in columns]
    sheet = np.concatenate(tiles, axis=1).repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    with replacing(PICTURE) as temporary:
        Image.fromarray(sheet).save(temporary, "png", optimize=True)


def compute() -> dict[str, Any]:
    with TemporaryDirectory() as name:
        room = Path(name)
        write_tiles(room / "tiles")
        data = f"images:{room / 'tiles'},size={SIDE}"
        found, source = [], replace(pictures(data), class_names=("photograph",))  # no classifiers judge
        columns = [source.test]
        for index, settings in enumerate(SETTINGS):
            train_tokenizer(recipe(settings, data, room / str(index)))
            tokenizer = tokenizers.load(room / str(index))
            report = check(tokenizer, source, seed=SEED)
            values = {each: [report[each].value, report[each].low, report[each].high] for each in FIGURES}
            bits = tokenizer.length * math.log2(tokenizer.codes) / SIDE**2
            found.append({**settings, "bits": bits, "used": report["codes used"].value, "figures": values})
            if settings["loss"] == "worst" and settings["codes"] == DEFAULT["codes"]:
                drawn = tokenizer.decode(tokenizer.encode(source.test.batch(slice(None))))
                columns.append(Pictures.of(drawn.numpy()))
        write_picture(columns)
        sizes = [len(part) for part in (source.train, source.validation, source.test)]
    return {"side": SIDE, "training": TRAINING, "seed": SEED, "sizes": sizes, "found": found}


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = []
    for each in results["found"]:
        figures = (
            "{:.{n}f} ({:.{n}f} to {:.{n}f})".format(*each["figures"][name], n=digits)
            for name, (_, digits) in FIGURES.items()
        )
        rows.append(
            [
                str(each["factor"]),
                str(each["codes"]),
                each["loss"],
                f"{each['bits']:.2f}",
                *figures,
                f"{each['used']:.0f}",
            ]
        )
    train, validation, test = results["sizes"]
    names = " | :".join(name for name, _ in FIGURES.values())
    head = f":factor | :codes | loss | :bits per pixel | :{names} | :codes used"
    size = f"{results['side']} x {results['side']} pixels"
    training = results["training"]
    said = (
        f"Each learnt {train} tiles of {size} with\n"
        f"`{' '.join(f'{option(name)} {value}' for name, value in training.items())} --seed {results['seed']}`.\n"
        f"{validation} others chose the weights. The figures are of the {test} test tiles, with 95 % intervals:"
    )
    return {"tokenized": f"{said}\n\n{table(head, rows)}"}


STUDY = Study("tokenized", "tokenizers.md", "about two minutes", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
