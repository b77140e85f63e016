"""The shipped models as classifiers beside standard ones: digits, and wafer maps with and without a defect.

Validation and test parts are read, as `dguide read` does: of wafer maps a third of each part, with the class shares of
the training data as prior; of digits all, with equal priors.
"""

from __future__ import annotations

import json
import time
from typing import Any

import torch
from sklearn.svm import SVC

from dguide import checkpoint
from dguide.data import Dataset, load
from dguide.evaluate import class_counts, hypotheses, proportion, read
from dguide.evaluate.reading.standard import standard_classifiers
from dguide.evaluate.reading.verdict import Verdict, verdict
from studies.common import ROOT, Study, inside, table

__all__ = ["STUDY"]

DIGITS = ("digits-masked", "digits-uniform")
WAFERS, NORMAL = "wafer16-masked", "None"
PASSES, WAFER_PASSES, SEED, SHARE = 16, 8, 0, 3


def judged(name: str, passes: int, share: int = 1, normal: str | None = None) -> tuple[Verdict, Dataset]:
    """The verdict on one sequence of `share` of each part."""
    loaded = checkpoint.load(ROOT / "checkpoints" / name)
    dataset = load(loaded.config.data)
    parts = [part.some(len(part) // share, SEED) for part in (dataset.validation, dataset.test)]
    split, first = parts[0].joined(parts[1]), dataset.conditions[0]
    prior = None if normal is None else class_counts(first, dataset.train) + 1
    classes = hypotheses(loaded.conditions, len(split))
    began = time.perf_counter()
    found = read(loaded.model, loaded.process, split.tokens, classes, prior=prior, passes=passes, seed=SEED)
    reported = torch.arange(len(split)) >= len(parts[0])
    good = None if normal is None else first.class_names.index(normal)
    seconds = (time.perf_counter() - began) / len(split)
    standard = standard_classifiers(dataset, first, split.tokens, found.log_prior, SEED)
    options: dict[str, Any] = {"normal": good, "standard": standard, "seconds": seconds, "seed": SEED}
    return verdict(found, split.labels, reported, first.class_names, **options), dataset


def compute() -> dict[str, Any]:
    digits = {}
    for name in DIGITS:
        found, dataset = judged(name, PASSES)
        digits[name] = json.loads(found.as_json())
        print(f"{name}\n{found.as_markdown()}", flush=True)
    machine = SVC(C=10).fit(dataset.features(dataset.train.tokens), dataset.train.labels.numpy())
    hits = machine.predict(dataset.features(dataset.test.tokens)) == dataset.test.labels.numpy()
    share = proportion(int(hits.sum()), len(hits))
    wafers, _ = judged(WAFERS, WAFER_PASSES, SHARE, NORMAL)
    machine_of = {"value": share.value, "low": share.low, "high": share.high}
    return {"digits": digits, "support vector machine": machine_of, "wafers": wafers.as_markdown()}


def interval(figure: dict[str, Any]) -> str:
    return inside(figure["value"], figure["low"], figure["high"], ".3f")


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = []
    for name, found in results["digits"].items():
        of = {each["name"]: each for each in found["estimates"]}
        heat = of.get("temperature")
        shown = "none: too few mistakes" if heat is None else inside(heat["value"], heat["low"], heat["high"], ".2g")
        loss = of["log loss"]  # the first one is that of the probabilities as read
        rows.append([f"`{name}`", interval(of["accuracy"]), f"{loss['value']:.3f}", shown])
    for beside in found["classifiers"]:  # they learn the same for both models
        of = {each["name"]: each for each in beside["estimates"]}
        loss = of["log loss"]
        heat = loss["note"].partition("T = ")[2].partition(";")[0] or "none: too few mistakes"
        rows.append([beside["name"], interval(of["accuracy"]), f"{loss['value']:.3f}", heat])
    rows.append(["support vector machine on pixels", interval(results["support vector machine"]), "", ""])
    head = f"model, {PASSES} passes | :accuracy (95 % interval) | :log loss, nats | :temperature"
    return {"digits": table(head, rows), "wafers": results["wafers"].rstrip()}


STUDY = Study("readings", "reading.md", "about 12 minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
