r"""Molecules above a percentile of a property: the protocol of arXiv 2412.10193, section 5.1, with shipped models.

A row is 1,024 samples in 32 steps, asked for a ring count or a QED above its 90th percentile. The strength is gamma,
$p \propto p_c^\gamma p_u^{1 - \gamma}$, so $\gamma = 1 + w$ in the weights w of dguide. D-CFG is `Normalized` for the
masked process, as the released code of that paper has it, and `Simple` for the uniform process. Other rows have the
other mechanisms, and a ramp-up of the same mean weight in place of the constant one.

Hypotheses, stated before the samples were drawn, for each model and property at gamma = 3. The figure is the yield: the
number of different molecules that are valid, not in QM9, and above the threshold, for each sample.

1. The ramp-up has a higher yield than the constant weight, both with D-CFG.
2. `Normalized` has a higher yield than `Simple`, both with a constant weight.

The eight differences are paired by seed, and their intervals hold together with 95 %. The power, stated before too: a
yield of 0.3 has a standard error of at most 0.02 in the difference of two rows, so that a difference of 0.07 is found
with probability 0.8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dguide import Ancestral, RampUp
from dguide.data import Dataset
from dguide.evaluate import Estimate
from dguide.evaluate.evaluation import figure
from dguide.evaluate.statistics.estimate import Rows, Statistic
from dguide.evaluate.statistics.intervals import dependent_share, distinct_share, share
from dguide.evaluate.statistics.means import mean
from dguide.evaluate.texts.chemistry import Molecules, training
from dguide.guidance import MECHANISMS
from dguide.study import Setting

from . import qm9_page as page
from .drawn import Drawn, draw
from .evidence import Evidence, Scale
from .models import dataset as data_of
from .models import told, weights
from .sums import Sums
from .tested import level, record

__all__ = ["EVIDENCE"]

STEPS, SEEDS, COUNT = 32, (0,), 1024
MODELS = {"masked": "qm9-masked", "uniform": "qm9-uniform"}
PROPERTIES = ("rings", "qed")
NAMES = ("Normalized", "Simple", "Unlocking")
"""The mechanisms."""
D_CFG = {"masked": "Normalized", "uniform": "Simple"}
GAMMAS = (3.0, 1.0, 5.0, 2.0, 4.0)
TESTED = 3.0
YIELD = "yield"


@dataclass(frozen=True)
class Row:
    """A row of the tables. At gamma = 1, without guidance, all mechanisms and schedules are one."""

    process: str
    asked: str
    gamma: float
    mechanism: str
    schedule: str = "constant"

    @property
    def setting(self) -> Setting:
        w = self.gamma - 1
        weight = RampUp(2 * w) if self.schedule == "ramp-up" else w
        return Setting(MECHANISMS[self.mechanism](weight), Ancestral(STEPS))

    def told(self, count: int) -> dict[str, Tensor]:
        """High in the property that is asked for; the other one is not given."""
        return told(dataset(), count, {self.asked: torch.ones(count, dtype=torch.int64)})


def rows(gammas: Iterable[float] = GAMMAS, processes: Iterable[str] = MODELS) -> list[Row]:
    """All rows, those of the hypotheses first of each process."""
    found: dict[Row, None] = {}
    gammas = tuple(gammas)
    for process in processes:
        usual = D_CFG[process]
        for gamma in gammas:
            for asked in PROPERTIES:
                found[Row(process, asked, gamma, usual)] = None
                if gamma > 1:
                    found[Row(process, asked, gamma, usual, "ramp-up")] = None
                    found |= dict.fromkeys(Row(process, asked, gamma, name) for name in NAMES if name != usual)
    return list(found)


def dataset() -> Dataset:
    return data_of(MODELS["masked"])


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """The molecules of all parts of QM9, as canonical SMILES."""
    data = dataset()
    codec: Any = data.codec
    others = (Molecules.of(codec, part.tokens).canonical.tolist() for part in (data.validation, data.test))
    return training(data, codec).canonical.union(*others)


@dataclass(frozen=True, eq=False)
class Judged:
    """The molecules of a row.

    Attributes:
        valid: which samples are valid, [N].
        canonical: canonical SMILES of the valid ones, [M].
        novel: which of them are not in QM9, [M].
        property: the property that was asked for, [M].
        threshold: above which it was asked for.
    """

    valid: NDArray[np.bool_]
    canonical: NDArray[np.str_]
    novel: NDArray[np.bool_]
    property: NDArray[np.float64]
    threshold: float

    @classmethod
    def of(cls, drawn: Drawn, asked: str) -> Judged:
        codec: Any = dataset().codec
        molecules = Molecules.of(codec, drawn.tokens)
        novel = np.array([text not in known() for text in molecules.canonical.tolist()], dtype=np.bool_)
        (threshold,) = (float(each.threshold) for each in dataset().conditions if each.name == asked)
        return cls(molecules.valid, molecules.canonical, novel, molecules.properties[asked], threshold)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which valid molecules are novel and above the threshold, [M]."""
        return self.novel & (self.property > self.threshold)

    def different(self, members: NDArray[np.bool_], of: NDArray[np.int64]) -> Statistic:
        """The number of different molecules among some of the valid ones, over the number of samples of `of`."""
        numbers = np.unique(self.canonical, return_inverse=True)[1]
        at = np.full(len(self.valid), -1)
        at[np.flatnonzero(self.valid)[members]] = numbers[members]
        counted = np.zeros(len(self.valid), dtype=np.bool_)
        counted[of] = True

        def statistic(some: Rows) -> float:
            total = int(counted[some].sum())
            return (len(np.unique(at[some])) - bool((at[some] < 0).any())) / total if total else float("nan")

        return statistic

    def yielded(self) -> Statistic:
        """The yield of the samples at some rows."""
        return self.different(self.good, np.arange(len(self.valid)))

    def figures(self) -> list[Estimate]:
        """The figures of the protocol, and the yield."""
        count, own = len(self.valid), np.flatnonzero(self.valid)
        first = np.unique(self.canonical, return_index=True)[1]
        different = np.sort(first[self.novel[first]])
        asked = self.property > self.threshold
        return [
            share("valid", self.valid, better="higher"),
            distinct_share("unique of valid", self.canonical, better="higher", members=own),
            dependent_share(
                "novel of valid",
                self.different(self.novel, own),
                len(own),
                count,
                better="higher",
                note="different ones",
            ),
            share("as asked of valid", asked, better="higher", members=own),
            mean("property, mean", self.property[different], note="different novel molecules", members=own[different]),
            dependent_share(YIELD, self.yielded(), count, count, better="higher"),
        ]


def difference(one: Judged, two: Judged, level: float) -> Estimate:
    """The yield of the first row minus that of the second one."""
    of = [one.yielded(), two.yielded()]
    alike = np.zeros(len(one.valid), dtype=np.int64)
    sums = Sums[int](lambda number, some: of[number](some), alike, 600, "higher")
    return sums(YIELD, [(1, 0), (-1, 1)], level, (-1, 1))


def hypotheses(asked: Iterable[Row]) -> list[tuple[str, Row, Row]]:
    """Name, and the row whose yield is said to be higher than that of the other one."""
    there, found = set(asked), []
    for process, usual in D_CFG.items():
        for wanted in PROPERTIES:
            base = Row(process, wanted, TESTED, usual)
            ramp = Row(process, wanted, TESTED, usual, "ramp-up")
            normalized, simple = (Row(process, wanted, TESTED, name) for name in ("Normalized", "Simple"))
            found.append((f"{process}, {wanted}: ramp-up over constant", ramp, base))
            found.append((f"{process}, {wanted}: Normalized over Simple", normalized, simple))
    return [each for each in found if {each[1], each[2]} <= there]


STATED = len(hypotheses(rows()))


def measured(scale: Scale, asked: list[Row], count: int) -> dict[str, Any]:
    """The figures of some rows, and the hypotheses about them."""
    drawn = {row: draw(scale, MODELS[row.process], row.setting, row.told(count), SEEDS) for row in asked}
    judged = {row: Judged.of(some, row.asked) for row, some in drawn.items()}
    tests = []
    for name, one, two in hypotheses(asked):
        apart = difference(judged[one], judged[two], level(STATED))
        cells = [[each.mechanism, each.setting.label] for each in (one, two)]
        tests.append({"name": name, "cells": cells, **record(apart)})
    return {
        "models": {name: weights(name) for name in {MODELS[row.process]: None for row in asked}},
        "count": count,
        "seeds": list(SEEDS),
        "steps": STEPS,
        "figure": YIELD,
        "stated": {"rows": len(rows()), "hypotheses": STATED},
        "real": real(),
        "cells": [cell(row, drawn[row], judged[row]) for row in asked],
        "hypotheses": tests,
    }


def cell(row: Row, drawn: Drawn, judged: Judged) -> dict[str, Any]:
    w = row.gamma - 1
    return {
        "process": row.process,
        "asked": row.asked,
        "gamma": row.gamma,
        "mechanism": row.mechanism,
        "schedule": row.schedule,
        "mean": w,
        "steps": STEPS,
        "calls": list(drawn.calls),
        "forced": drawn.forced,
        "seconds": drawn.seconds,
        "figures": [figure(each) for each in judged.figures()],
    }


def real() -> dict[str, dict[str, float]]:
    """Of the molecules of QM9: the threshold, and the mean of the property of all and of those above it."""
    data = dataset()
    whole = data.train.joined(data.validation).joined(data.test)
    found = {}
    for each in data.conditions:
        values = whole.properties[each.name]
        threshold = float(each.threshold)
        found[each.name] = {
            "threshold": threshold,
            "mean": float(values.mean()),
            "mean above": float(values[values > threshold].mean()),
        }
    return found


def compute(scale: Scale) -> dict[str, Any]:
    if scale.quick:
        return measured(scale, rows((TESTED, 1.0), ("masked",)), 128)
    return measured(scale, rows(), COUNT)


EVIDENCE = Evidence("qm9-protocol", "an hour of one core", "a minute", compute, page.sections, page="results-paper.md")
