"""How much the gradient of a masked model varies between batches, by the way in which their masks are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dguide import Masked, checkpoint
from dguide.checkpoint import Checkpoint
from dguide.data import Dataset, load
from dguide.evaluate.statistics.means import mean_interval
from dguide.train.objective import bits, corrupted
from studies.common import Study, inside, table

__all__ = ["STUDY"]

MODELS, BATCH, PAIRS = ("qm9-masked", "digits-masked"), 32, 30
LEVEL, NUMBER, COMPLEMENT = "noise level", "number of masks", "number of masks, and the other positions"


def complemented(process: Masked, clean: Tensor, source: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Each sequence twice: k of its L positions hidden, then the other L - k; k is 0 to L, evenly spread."""
    count, length = clean.shape
    start = torch.rand(1, generator=source, dtype=torch.float64)
    masks = ((torch.arange(count) + start) / count * (length + 1)).long().clamp(max=length)
    hidden = torch.rand(clean.shape, generator=source).argsort(-1).argsort(-1) < masks.unsqueeze(1)
    hidden, masks, clean = torch.cat((hidden, ~hidden)), torch.cat((masks, length - masks)), torch.cat((clean, clean))
    return clean, torch.where(hidden, process.mask_id, clean), process.noise.time(masks.clamp(min=1).double() / length)


def gradient(loaded: Checkpoint, dataset: Dataset, way: str, source: torch.Generator) -> Tensor:
    """The gradient of the loss of one batch, in all weights; its mean is the same whatever the way."""
    process, model = loaded.process, loaded.model
    assert isinstance(process, Masked)
    rows = torch.randint(len(dataset.train), (BATCH // 2 if way == COMPLEMENT else BATCH,), generator=source)
    if way == COMPLEMENT:
        clean, noisy, time = complemented(process, dataset.train.tokens[rows], source)
        rows, factor = torch.cat((rows, rows)), 1 + 1 / dataset.length  # a batch without masks, k = 0, counts too
    else:
        clean, factor = dataset.train.tokens[rows], 1.0
        noisy, time = corrupted(process, clean, source, by_level=way == LEVEL)
    logits = model(noisy, time, dataset.condition(dataset.train.take(rows)))
    loss = factor * bits(process, logits, clean, noisy, time)
    parts = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    return torch.cat([part.flatten() for part in parts if part is not None])


def measured(name: str, way: str) -> dict[str, Any]:
    """Half the squared distance of the gradients of two batches, whose mean is the variance; for some pairs."""
    loaded, source = checkpoint.load(name), torch.Generator().manual_seed(0)
    dataset = load(loaded.config.data)
    for weight in loaded.model.parameters():
        weight.requires_grad_()
    halves = []
    for _ in range(PAIRS):
        one, two = (gradient(loaded, dataset, way, source) for _ in range(2))
        halves.append(float((one - two).double().square().sum()) / 2)
    low, high = mean_interval(np.array(halves))
    return {"model": name, "drawn": way, "variance": float(np.mean(halves)), "low": low, "high": high}


def compute() -> dict[str, Any]:
    rows = []
    for name in MODELS:
        for way in (LEVEL, NUMBER, COMPLEMENT):
            rows.append(measured(name, way))
            print(rows[-1], flush=True)
    return {"batch": BATCH, "pairs": PAIRS, "seed": 0, "rows": rows}


def sections(results: dict[str, Any]) -> dict[str, str]:
    lines = []
    for way in (LEVEL, NUMBER, COMPLEMENT):
        of = {row["model"]: row for row in results["rows"] if row["drawn"] == way}
        cells = [inside(row["variance"], row["low"], row["high"]) for row in of.values()]
        lines.append([way, *cells])
    return {"noise of gradients": table(f"drawn at random | {' | '.join(f':`{name}`' for name in MODELS)}", lines)}


STUDY = Study("gradient_noise", "training.md", "a minute of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
