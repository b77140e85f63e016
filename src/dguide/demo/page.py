"""The page that explains the results of the demonstration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..checkpoint import Checkpoint
from ..progress import duration
from .settings import DemoSettings
from .table import TableRow, as_markdown

__all__ = ["page"]

_COLUMNS = """\
- accuracy: share of the samples in which a support vector machine, trained on the real training images, sees the
  requested class, with a 95 % interval (mid-P);
- precision: share of the samples within the support of the real training images; recall: share of the real training
  images within the support of the samples (third-nearest neighbours, pixel space);
- Fréchet: Fréchet distance to the real training images in pixel space; smaller is better;
- calls: conditional and reference network calls per batch;
- forced: forced positions of all samples (still masked before the last step);
- seconds: time of sampling.

Precision, recall and Fréchet distance depend on the number of samples, so compare only rows of equal n. The standard
error of a precision is {error:.2f} at most with this n. The last row is for real images of the test part, drawn at
random from each class: the best values that samples can be expected to reach."""


def page(
    settings: DemoSettings,
    checkpoints: Mapping[str, Checkpoint],
    trained: Checkpoint,
    rows: Sequence[TableRow],
    left_out: Sequence[str],
) -> str:
    """The Markdown page with the table, the pictures, and the cells that were omitted for lack of time."""
    models = "\n".join(
        f"- `{name}`: {checkpoint.process.name} process, {checkpoint.config.steps} training steps, "
        f"{checkpoint.config.quality()}"
        for name, checkpoint in checkpoints.items()
    )
    limit = f"within {settings.limit:g} minutes (--limit)"
    missing = f"\nThere was no time {limit} for: {'; '.join(left_out)}.\n" if left_out else ""
    error = 0.5 / math.sqrt(rows[0].n)
    return f"""\
# Guidance mechanisms and schedules on handwritten digits

All cells use ancestral sampling with {settings.steps} steps and {settings.per_class} samples of each class. The seed
is {settings.seed} in all cells, so their samples use the same random numbers. At w = 0 all mechanisms are the
conditional model, so there is one row for all. A ramp-up rises from 0 at noise to twice its mean at data. It has the
same mean as the constant schedule beside it.

{models}

{as_markdown(rows)}{missing}
{_COLUMNS.format(error=error)}

![Samples of every cell, masked process](pictures-masked.png)

![Samples of every cell, uniform process](pictures-uniform.png)

![Precision and recall of every cell](precision-recall.png)

![A batch being unmasked](film.png)

![Masked fraction over time](masked-fraction.png)

## A model of your own

`trained/` is a masked model trained here in {duration(60 * settings.minutes)} ({trained.config.steps} steps). It has
{trained.config.quality()}; fewer are better. So short a training gives rough digits:
`dguide train --out model --minutes 30` trains longer. These are samples of it:

![Samples of the model just trained](trained.png)
"""
