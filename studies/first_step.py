"""How strongly guidance acts on the first step of the model of digits: Z_i at every position of the fully masked state.

From Z_i follows how many positions `Unlocking` decides in the first step, the mean over classes, at w = 3, constant.
"""

from __future__ import annotations

from typing import Any

import torch

from dguide import checkpoint
from studies.common import ROOT, Study

__all__ = ["STUDY"]

MODEL, WEIGHT, STEPS = "digits-masked", 3.0, (32, 256)


def compute() -> dict[str, Any]:
    loaded = checkpoint.load(ROOT / "checkpoints" / MODEL)
    classes, length = torch.arange(loaded.model.n_classes), loaded.model.length
    tokens = torch.full((len(classes), length), loaded.process.noise_token)
    with torch.no_grad():
        cond, ref = (
            torch.log_softmax(loaded.model(tokens, torch.ones(len(classes)), labels).double(), -1)
            for labels in (classes, loaded.model.null(classes))
        )
    z = torch.logsumexp((1 + WEIGHT) * cond - WEIGHT * ref, -1).exp()
    decided = {str(t): float((1 - (1 - 1 / t) ** z).sum(-1).mean()) for t in STEPS}
    median, tenth = torch.quantile(z.flatten(), torch.tensor([0.5, 0.9], dtype=z.dtype)).tolist()
    largest = float(z.max())
    return {"model": MODEL, "w": WEIGHT, "positions": length, "Z": [median, tenth, largest], "decided": decided}


def sections(results: dict[str, Any]) -> dict[str, str]:
    (median, tenth, largest), decided = results["Z"], results["decided"]
    few, many = STEPS
    said = (
        f"In the fully masked state the median `Z_i` of this model is {median:.1f}; one position in ten has more than "
        f"{tenth:.0f}, and the\nlargest is {float(f'{largest:.1g}'):,.0f}. So in the first of {few} steps `Unlocking` "
        f"decides {decided[str(few)]:.1f} positions at once, and `Normalized` {results['positions'] / few:g}.\n"
        f"In the first of {many} steps `Unlocking` still decides {decided[str(many)]:.1f} positions, and `Normalized` "
        f"{results['positions'] / many:g}."
    )
    return {"first step": said}


STUDY = Study("first_step", "when-it-matters.md", "a second", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
