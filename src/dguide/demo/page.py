"""The page that explains what the demonstration made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..checkpoint import Checkpoint
from ..progress import duration
from .settings import DemoSettings
from .table import TableRow, as_markdown

__all__ = ["page"]

_COLUMNS = """\
- accuracy: share of the samples in which a support vector machine that learnt from the real training images sees the
  class that was asked for, with Wilson's 95 % interval;
- precision: share of the samples that lie within the support of the real training images, recall: share of those that
  lie within the support of the samples (third-nearest neighbours, pixel space);
- Fréchet: Fréchet distance to the real training images in pixel space, smaller is better;
- calls: forward passes of one batch, conditional and reference network;
- forced: positions of all samples that were still masked before the last step and had to leave in it by force;
- seconds: time of sampling.

Precision, recall and Fréchet distance depend on the number of samples: compare rows of equal n only. The standard error
of a precision is {error:.2f} at most with this n. The last row is what held-out real images, drawn at
random from each class, get from the same judge: the ceiling."""


def page(
    settings: DemoSettings,
    checkpoints: Mapping[str, Checkpoint],
    trained: Checkpoint,
    rows: Sequence[TableRow],
    left_out: Sequence[str],
) -> str:
    """The Markdown page with the table, the pictures, and what there was no time for."""
    models = "\n".join(
        f"- `{name}`: {checkpoint.process.name} process, {checkpoint.config.steps} training steps, "
        f"{checkpoint.config.held_out_bits:.3f} held-out bits per token"
        for name, checkpoint in checkpoints.items()
    )
    limit = f"within {settings.limit:g} minutes (--limit)"
    missing = f"\nThere was no time {limit} for: {'; '.join(left_out)}.\n" if left_out else ""
    error = 0.5 / math.sqrt(rows[0].n)
    return f"""\
# Guidance mechanisms and schedules on handwritten digits

One sampler for all: ancestral, {settings.steps} steps, {settings.per_class} samples of each class in a cell, seed
{settings.seed} in all cells, so that their samples use the same random numbers. At w = 0 all mechanisms are the
conditional model, and one row stands for all. A ramp-up rises from 0 at noise to twice its mean at data, and has the
same mean as the constant beside it.

{models}

{as_markdown(rows)}{missing}
{_COLUMNS.format(error=error)}

![Samples of every cell, masked process](pictures-masked.png)

![Samples of every cell, uniform process](pictures-uniform.png)

![Precision and recall of every cell](precision-recall.png)

![A batch being unmasked](film.png)

![Masked fraction over time](masked-fraction.png)

## A model of your own

`trained/` is a masked model trained here in {duration(60 * settings.minutes)} ({trained.config.steps} steps):
{trained.config.held_out_bits:.3f} held-out bits per token. These are samples of it:

![Samples of the model just trained](trained.png)
"""
