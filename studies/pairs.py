r"""What common seeds are worth: the variance of a difference with different seeds, over that with common seeds.

300 digits of the shipped masked model are drawn with each seed and each guidance. With a figure A of one guidance and B
of another, the ratio is (Var A + Var B) / Var (A - B) over the seeds. As 2 (Var A + Var B) is the sum of the variances
of A + B and A - B, its interval is that of the ratio of these two, which are correlated (Pitman, "A note on normal
correlation", Biometrika 31, 1939). Beside it is what users see: the squared width of the interval of the difference
without the pairs, over that of `dguide evaluate --against`, the median over seeds.
"""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

import dguide
from dguide import Ancestral, Constant, Normalized, RampUp, checkpoint
from dguide.data import load
from dguide.evaluate import Estimate, Evaluation, LearntFeatures, paired_differences
from dguide.evaluate.images.estimates import image_estimates
from dguide.evaluate.statistics.variance import t_quantile
from studies.common import ROOT, Study, inside, table

__all__ = ["STUDY"]

MODEL, COUNT, STEPS, SEEDS = "digits-masked", 300, 16, 24
GUIDANCE = {"none": Constant(0.0), "w = 1": Constant(1.0), "ramp-up": RampUp(2.0), "w = 1.1": Constant(1.1)}
PAIRS = (("none", "w = 1"), ("w = 1", "ramp-up"), ("w = 1", "w = 1.1"))
FIGURES = (
    "accuracy on the asked class",
    "Fréchet distance",
    "kernel distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "diversity within a class",
)


def compute() -> dict[str, Any]:
    loaded = checkpoint.load(ROOT / "checkpoints" / MODEL)
    dataset = load(loaded.config.data)
    judge, labels = LearntFeatures.fit(dataset), torch.arange(COUNT) % dataset.n_classes
    values: dict[str, dict[str, list[float]]] = {name: {figure: [] for figure in FIGURES} for name in GUIDANCE}
    widths: list[dict[str, list[float | None]]] = [{figure: [] for figure in FIGURES} for _ in PAIRS]
    for seed in range(SEEDS):
        judged = {}
        for name, weight in GUIDANCE.items():
            tokens = dguide.sample(
                loaded.model,
                process=loaded.process,
                length=dataset.length,
                condition=labels,
                guidance=Normalized(weight),
                sampler=Ancestral(STEPS),
                seed=seed,
            ).tokens
            found = image_estimates(dataset, tokens, labels, judge=judge)
            judged[name] = Evaluation(dataset.name, dataset.synthetic, found, COUNT, 0.0)
            for figure in FIGURES:
                values[name][figure].append(judged[name][figure].value)
        for (one, two), kept in zip(PAIRS, widths, strict=True):
            apart = {each.name: each for each in paired_differences(judged[one], judged[two], strata=labels.numpy())}
            for figure in FIGURES:
                kept[figure].append(narrower(judged[one][figure], judged[two][figure], apart[figure]))
        print(f"seed {seed}", flush=True)
    return {"samples": COUNT, "steps": STEPS, "seeds": SEEDS, "values": values, "widths": widths}


def narrower(one: Estimate, two: Estimate, apart: Estimate) -> float | None:
    """Squared width of the interval of the difference of independent sets, over that of `apart`, that of pairs."""
    low, high = one.beside(two).difference
    ratio = ((high - low) / (apart.high - apart.low)) ** 2 if apart.high > apart.low else math.nan
    return ratio if math.isfinite(ratio) else None


def worth(first: ArrayLike, second: ArrayLike) -> tuple[float, float, float] | None:
    """The ratio of the variances and its 95 % interval; None if a figure or the difference does not vary."""
    one, two = np.asarray(first), np.asarray(second)
    total, apart = one + two, one - two
    if min(one.var(), two.var(), apart.var()) == 0:
        return None
    ratio, freedom = total.var() / apart.var(), len(one) - 2
    centre = 1 + 2 * (1 - np.corrcoef(total, apart)[0, 1] ** 2) * t_quantile(freedom) ** 2 / freedom
    reach = math.sqrt(centre**2 - 1)
    middle, low, high = (float((1 + ratio * factor) / 2) for factor in (1.0, centre - reach, centre + reach))
    return middle, low, high


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = []
    for figure in FIGURES:
        cells = []
        for (one, two), widths in zip(PAIRS, results["widths"], strict=True):
            found = worth(results["values"][one][figure], results["values"][two][figure])
            seen = [each for each in widths[figure] if each is not None]
            cells.append("" if found is None else inside(*found, ".1f"))
            cells.append(f"{median(seen):.1f}" if seen else "")
        rows.append([figure, *cells])
    heads = " | ".join(f":{one} and {two} | :by the intervals" for one, two in PAIRS)
    return {"pairs": table(f"figure | {heads}", rows)}


STUDY = Study("pairs", "evaluate.md", "a quarter of an hour of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
