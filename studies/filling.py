"""How often a classifier of real images recognises the class that was asked for in a region, by guidance weight.

Digits: the lower five rows of the images of 1, 4, 7 and 9 are drawn anew as a 3 or an 8. Wafers: the middle of maps
without a pattern is drawn anew with a Center, Donut or Loc. The classifier (a support vector machine on the pixels)
was trained on real images, and has not seen these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import dguide
from dguide import checkpoint, filling
from dguide.data import load
from dguide.evaluate.images.classifier import Classifier
from studies.common import ROOT, Study, table

__all__ = ["STUDY"]

WEIGHTS = (-1.0, 0.0, 1.0, 2.0, 3.0)
IMAGES, EACH, STEPS = 40, 6, 32
CASES = {
    "digits": ("digits-masked", ("1", "4", "7", "9"), ("3", "8"), (0, 3, 8, 5)),
    "wafers": ("wafer16-masked", ("None",), ("Center", "Donut", "Loc"), (4, 4, 8, 8)),
}


def case(model: str, before: tuple[str, ...], asked: tuple[str, ...], place: tuple[int, int, int, int]) -> Any:
    loaded = checkpoint.load(ROOT / "checkpoints" / model)
    dataset = load(loaded.config.data)
    names = {name: label for label, name in enumerate(dataset.class_names)}
    rows = torch.isin(dataset.test.labels, torch.tensor([names[each] for each in before])).nonzero().flatten()
    pictures = dataset.codec.colours(dataset.test.tokens[rows[:IMAGES]]).numpy().round().astype(np.uint8)
    labels = torch.tensor([names[each] for each in asked]).repeat(EACH)
    region, judge = filling.rectangle(place, pictures.shape[1:3]), Classifier.fit(dataset)
    found = {}
    for weight in WEIGHTS:
        guidance, sampler = dguide.Normalized(dguide.Constant(weight)), dguide.Ancestral(STEPS)
        made = [
            dguide.fill(
                loaded,
                picture,
                region,
                condition=labels,
                guidance=guidance,
                sampler=sampler,
                first_index=index * len(labels),
            ).tokens
            for index, picture in enumerate(pictures)
        ]
        share = judge.accuracy(torch.cat(made), labels.repeat(len(pictures)))
        found[f"{weight:g}"] = [share.value, share.low, share.high, share.count]
    return {"model": model, "region": place, "before": before, "asked": asked, "images": len(pictures), "found": found}


def compute() -> dict[str, Any]:
    return {"steps": STEPS, "each": EACH, "cases": {name: case(*settings) for name, settings in CASES.items()}}


def sections(results: dict[str, Any]) -> dict[str, str]:
    cases = results["cases"]
    rows = [
        [f"w = {weight}" + (" (no condition)" if weight == "-1" else "")]
        + ["{:.2f} ({:.2f} to {:.2f}, n = {})".format(*each["found"][weight]) for each in cases.values()]
        for weight in next(iter(cases.values()))["found"]
    ]
    return {"filling": table("guidance weight | :" + " | :".join(cases), rows)}


STUDY = Study("filling", "fill.md", "about ten minutes", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
