"""What all data of one's own have in common: classes, properties, a held-out part, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ..errors import bad
from .base import Dataset, Skipped, Split
from .codec import Codec
from .condition import Above, Attribute, Label, Value, quantile
from .digits import every_fifth

__all__ = ["assemble", "nothing_left"]


def assemble(
    name: str,
    tokens: Tensor,
    codec: Codec,
    *,
    classes: Sequence[str] | None = None,
    what: str = "label",
    properties: Mapping[str, Sequence[float]] | None = None,
    percentile: float | None = None,
    skipped: Sequence[Skipped] = (),
    held_out: Tensor | None = None,
) -> Dataset:
    """A data set from its sequences and what is known about each.

    Classes are numbered in the order of their names. Every fifth sequence of each class is held out, unless `held_out`
    says which. A property is a condition as a number, or as being above its percentile.

    Args:
        name: What `dguide.data.load` finds it by.
        tokens: All sequences, [N, L] int64.
        codec: What their tokens stand for.
        classes: Name of the class of each, N of them; None if only properties are known.
        what: What the classes are of.
        properties: Numbers known of each, by name.
        percentile: Between 0 and 100: tell whether a property is above that, instead of the property.
        skipped: What was left out before.
        held_out: Which are held out, [N] bool.

    Raises:
        ValueError: If there are fewer than two classes, nothing to train on or nothing held out.
    """
    numbers = {key: torch.tensor(values, dtype=torch.float64) for key, values in (properties or {}).items()}
    conditions: list[Attribute] = []
    labels = torch.zeros(len(tokens), dtype=torch.int64)
    if classes is not None:
        names, found = np.unique(np.array(classes, dtype=object), return_inverse=True)
        if len(names) < 2:
            remedy = "A model is told classes apart; give it at least two, or a property."
            raise bad(f"classes of {name}", f"{list(names)} alone", "at least two", remedy)
        labels = torch.from_numpy(found.astype(np.int64))
        conditions.append(Label(tuple(str(each) for each in names), what))
    for key, values in numbers.items():
        conditions.append(_property(key, values, percentile))
    if classes is None:
        labels = conditions[0].of(labels, numbers).long() if conditions[0].n_classes else labels
    whole = Split(tokens, labels, numbers)
    chosen = every_fifth(labels) if held_out is None else held_out
    if chosen.all() or not chosen.any():
        raise bad(
            f"sequences of {name}",
            f"{len(tokens)}, {int(chosen.sum())} of them to hold out",
            "at least three of a class",
        )
    return Dataset(name, whole.take(~chosen), whole.take(chosen), codec, tuple(conditions), tuple(skipped))


def nothing_left(name: str, skipped: Sequence[Skipped]) -> ValueError:
    """The error for data of which all was left out."""
    reasons = "; ".join(f"{each.what}: {each.why}" for each in skipped[:3])
    return bad(f"data {name}", f"nothing usable ({len(skipped)} left out: {reasons})", "at least one sequence")


def _property(name: str, values: Tensor, percentile: float | None) -> Attribute:
    if percentile is not None:
        return Above(name, quantile(values, percentile))
    spread = float(values.std()) if len(values) > 1 else 0.0
    if not spread > 0:
        raise bad(f"property {name}", f"{float(values[0])} everywhere", "different numbers")
    return Value(name, float(values.mean()), spread)
