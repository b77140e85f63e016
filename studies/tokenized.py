"""What tokenizers of photographs keep, by their factor, number of codes and loss.

The pictures are tiles of three photographs: those that scikit-learn has (both CC BY 2.0: a temple by Daniel Buechele, a
flower by user vultilion of Flickr), and the portrait of Grace Hopper that Matplotlib has (United States Navy, public
domain). The middle of each photograph is for the validation and the test: no pixel is in two parts.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from matplotlib import cbook
from PIL import Image
from sklearn.datasets import load_sample_images

from dguide import tokenizers
from dguide.data import LOADERS, Dataset, Pictures, pictures
from dguide.data.holdout import TEST, TRAIN, VALIDATION
from dguide.data.sources import Numbered, numbered
from dguide.evaluate.reconstructions.check import check
from dguide.files import replacing
from dguide.train import TokenizerConfig, train_tokenizer
from dguide.train.config import option
from studies.common import ROOT, Study, table

__all__ = ["STUDY"]

SIDE, STRIDE, SEED = 64, 16, 0
DATA = "studies.tokenized:tiles"
TRAINING: dict[str, Any] = {
    "steps": 2000,
    "batch_size": 16,
    "width": 32,
    "flips": True,
    "device": "cpu",
}
SETTINGS: tuple[dict[str, Any], ...] = (
    {"factor": 4, "codes": 512, "loss": "worst"},
    {"factor": 8, "codes": 512, "loss": "worst"},
    {"factor": 8, "codes": 512, "loss": "l1"},
    {"factor": 8, "codes": 4375, "loss": "worst"},
    {"factor": 16, "codes": 512, "loss": "worst"},
)
DEFAULT = SETTINGS[1]
FIGURES = {
    "PSNR": ("PSNR, dB", 1),
    "SSIM": ("SSIM", 2),
    "mean error": ("mean error", 3),
    "local error": ("local error", 3),
}
PICTURE, SHOWN, ENLARGED = ROOT / "docs/images/tokenizers.png", (8, 16, 26), 3


def photographs() -> dict[str, Any]:
    """Pixels [H, W, 3] uint8, by name."""
    temple, flower = load_sample_images().images
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        portrait = np.asarray(Image.open(file).convert("RGB"))
    return {"temple": temple, "flower": flower, "portrait": portrait}


def tiles() -> Dataset:
    """Tiles of the photographs: those to learn from overlap, the others, from its middle, do not."""
    found: list[tuple[Any, str, int]] = []
    for name, photograph in photographs().items():
        height, width, _ = photograph.shape
        first = (width - 3 * SIDE) // 2  # of the columns in the middle, where most is to be seen
        for part, step, lefts in (
            (TRAIN, STRIDE, range(0, first - SIDE + 1, STRIDE)),
            (VALIDATION, SIDE, [first]),
            (TEST, SIDE, [first + SIDE, first + 2 * SIDE]),
            (TRAIN, STRIDE, range(first + 3 * SIDE, width - SIDE + 1, STRIDE)),
        ):
            for top in range(0, height - SIDE + 1, step):
                found += [(photograph[top : top + SIDE, left : left + SIDE], name, part) for left in lefts]
    cut = Pictures.of(np.stack([tile for tile, _, _ in found]))
    codec, classes = Numbered(cut, cut.digests()), [name for _, name, _ in found]
    return numbered(DATA, codec, classes, part=torch.tensor([part for _, _, part in found]))


def recipe(settings: dict[str, Any], out: Path) -> TokenizerConfig:
    return TokenizerConfig(out=out, data=DATA, seed=SEED, **TRAINING, **settings)


def write_picture(columns: list[Pictures]) -> None:
    """The same tiles in each column: the originals, and what the tokenizers make of them."""
    tiles = [np.concatenate(list(column.batch(torch.tensor(SHOWN)).numpy())) for column in columns]
    sheet = np.concatenate(tiles, axis=1).repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    with replacing(PICTURE) as temporary:
        Image.fromarray(sheet).save(temporary, "png", optimize=True)


def compute() -> dict[str, Any]:
    with TemporaryDirectory() as name:
        room = Path(name)
        LOADERS.allow(DATA)
        found, source = [], replace(pictures(DATA), class_names=("photograph",))  # no classifiers judge
        columns = [source.test]
        for index, settings in enumerate(SETTINGS):
            train_tokenizer(recipe(settings, room / str(index)))
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


STUDY = Study("tokenized", "tokenizers.md", "about nine minutes", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
