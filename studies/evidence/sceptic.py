"""What could make the results wrong, tried on the digits: other figures, other numbers of samples, other models.

Stated before the samples were drawn. The figure that decides is the Fréchet distance in pixels, at mean weight 3 and
equal seeds. Three findings are tried:

1. constant: with a constant weight `Normalized` is better than `Unlocking`.
2. late: with `Normalized` the ramp-up is better than the constant weight.
3. early: with `Normalized` the constant weight is better than the inverse schedule.

A finding is confirmed by a figure if the interval of the difference lies above 0, refuted if it lies below, and else
undecided. The level is 95 % for all differences of a table together (Bonferroni).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dguide.data import Dataset, load
from dguide.evaluate import Evaluation, PixelFeatures, estimate, frechet_distance
from dguide.evaluate.evaluation import figure
from dguide.evaluate.statistics.estimate import Rows, Statistic
from dguide.theory.summary import rank_correlation
from studies.evidence.evidence import Evidence, NotMade, Scale
from studies.evidence.sceptic_draws import DATA, MODEL, SETTINGS, Size, Source, further, shipped
from studies.evidence.sceptic_judges import DECIDES, FIGURES, Judges, averaged, differences
from studies.evidence.sceptic_page import sections
from studies.evidence.tested import level, record

__all__ = ["EVIDENCE", "FINDINGS"]

FINDINGS = {
    "constant": ("`Normalized`, constant", "`Unlocking`, constant"),
    "late": ("`Normalized`, ramp-up", "`Normalized`, constant"),
    "early": ("`Normalized`, constant", "`Normalized`, inverse"),
}
"""The setting that the finding says is better, and the other one."""
COMPARED = tuple(dict.fromkeys(setting for pair in FINDINGS.values() for setting in pair))
HALVES = 20
"""Number of halves for the interval of a rank correlation."""
SUBSETS, REPEATS = (1.0, 0.5, 0.35, 0.25, 0.15), 20
"""Shares of the samples whose Fréchet distance is taken, and how many random sets of each share."""


def compute(scale: Scale) -> dict[str, Any]:
    size, dataset, model = Size.of(scale.quick), load(DATA), shipped()
    drawn = {name: [model.drawn(scale, size, name, seed) for seed in size.seeds] for name in SETTINGS}
    judges = Judges.fit(dataset, size.seen)
    judged = {name: [judges(tokens, size.labels) for tokens in sets] for name, sets in drawn.items()}
    return {
        "model": MODEL,
        "sha256": model.sha256,
        "count": size.count,
        "seeds": list(size.seeds),
        "steps": size.steps,
        "figure": DECIDES,
        "settings": {name: _means(sets) for name, sets in judged.items()},
        "agreement": agreement(judged, size.labels),
        "findings": found_by(judged, size.labels, FIGURES),
        "numbers": {name: by_number(dataset, torch.cat(sets)) for name, sets in drawn.items()},
        "real": by_number(dataset, dataset.test.tokens),
        **models(scale, size, judges, model),
    }


def _means(sets: list[Evaluation]) -> dict[str, float]:
    """Each figure, mean over seeds."""
    return {name: averaged([found[name] for found in sets]).value for name in FIGURES}


def models(scale: Scale, size: Size, judges: Judges, model: Source) -> dict[str, Any]:
    """The findings of the shipped model and of others, and which of these are missing."""
    found, missing = [of_model(scale, size, judges, model)], []
    for network, steps in size.training.items():
        try:
            found.append(of_model(scale, size, judges, further(scale, network, steps)))
        except NotMade:
            missing.append(f"{network}, seed 1")
    return {"models": found, "missing": missing}


def found_by(judged: dict[str, list[Evaluation]], labels: Tensor, figures: tuple[str, ...], of: int = 1) -> list[Any]:
    """Each finding by each figure; `of` such tables stand together."""
    tests = len(FINDINGS) * len(figures) * of
    return [
        {"finding": name, "better": better, "other": other, "figure": each.name, **record(each)}
        for name, (better, other) in FINDINGS.items()
        for each in differences(judged[better], judged[other], labels, level(tests))
    ]


def agreement(judged: dict[str, list[Evaluation]], labels: Tensor) -> list[dict[str, Any]]:
    """Rank correlation, over the settings, of each figure with the one that decides; 1 if both rank them alike.

    The settings are fixed, and the samples are random: the interval is from disjoint halves of them (`estimate`).
    """
    base = [_Ranked([sets[seed] for sets in judged.values()], DECIDES) for seed in range(len(judged["none"]))]
    rows = []
    for name in FIGURES[1:]:
        found = []
        for seed, decides in enumerate(base):
            other = _Ranked([sets[seed] for sets in judged.values()], name)
            statistic = _correlation(decides, other)
            strata = labels.numpy()
            found.append(estimate(name, statistic, len(labels), bounds=(-1.0, 1.0), strata=strata, repetitions=HALVES))
        rows.append(figure(averaged(found)))
    return rows


class _Ranked:
    """A figure of all settings for some of their samples, larger where it is better; remembered by these."""

    def __init__(self, settings: list[Evaluation], name: str) -> None:
        self.sign = -1.0 if settings[0][name].better == "lower" else 1.0
        self.statistics = [each[name].statistic for each in settings]
        self.known: dict[bytes, list[float]] = {}

    def __call__(self, rows: Rows) -> list[float]:
        key = rows.tobytes()
        if key not in self.known:
            self.known[key] = [self.sign * statistic(rows) for statistic in self.statistics if statistic is not None]
        return self.known[key]


def _correlation(one: _Ranked, two: _Ranked) -> Statistic:
    def statistic(rows: Rows) -> float:
        first, second = one(rows), two(rows)
        return rank_correlation(first, second).value if np.ptp(first) and np.ptp(second) else math.nan

    return statistic


def by_number(dataset: Dataset, tokens: Tensor) -> dict[str, Any]:
    r"""Fréchet distance in pixels by number of samples n, and at n to infinity by a line in 1 / n.

    The line is fitted to means over random subsets, by weights n.

    Source: Chong and Forsyth (arXiv 1911.07023).
    """
    space = PixelFeatures.of(dataset)
    real, points = space(dataset.train.tokens), space(tokens)
    generator, numbers, means = np.random.default_rng(0), [], []
    for part in SUBSETS:
        number = int(part * len(points))
        sets = [generator.permutation(len(points))[:number] for _ in range(1 if part == 1 else REPEATS)]
        numbers.append(number)
        means.append(float(np.mean([frechet_distance(real, points[rows]) for rows in sets])))
    slope, limit = np.polyfit(1 / np.array(numbers), means, 1, w=np.sqrt(numbers))
    return {"n": numbers, "mean": means, "limit": float(limit), "slope": float(slope)}


def of_model(scale: Scale, size: Size, judges: Judges, source: Source) -> dict[str, Any]:
    """The findings of a model by the figure that decides, with the first seed."""
    seed, figures = size.seeds[0], (DECIDES,)
    judged = {
        name: [judges(source.drawn(scale, size, name, seed), size.labels, figures)] for name in ("none", *COMPARED)
    }
    values = {name: found[0][DECIDES].value for name, found in judged.items()}
    found = found_by(judged, size.labels, figures, 1 + len(size.training))
    return {"name": source.name, "sha256": source.sha256, "settings": values, "findings": found} | source.about


EVIDENCE = Evidence("sceptic", "ten minutes of one core", "a minute", compute, sections, page="sceptic.md")
