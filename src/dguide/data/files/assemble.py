"""What all data of one's own have in common: classes, properties, a held-out part, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ...errors import bad
from ..base import Dataset, Skipped, Split
from ..codecs.base import Codec
from ..condition import Above, Attribute, Label, Value, quantile
from ..holdout import every_fifth_different, first_copies, unusable

__all__ = ["assemble", "complete", "nothing_left"]


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
    places: Sequence[str] | None = None,
) -> Dataset:
    """A data set from its sequences and what is known about each.

    Classes are numbered in the order of their names. Of the different sequences of each class every fifth is held out,
    unless `held_out` says which; copies of a sequence are on the side of the first one. What is held out although it is
    also in the training part, or is of a class that is not, is left out and listed. A property is a condition as a
    number, or as being above its percentile.

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
        places: Where each stands in the source, N of them; their numbers if nothing is said.

    Raises:
        ValueError: If there are fewer than two classes, nothing to train on or nothing held out.
    """
    numbers = {key: torch.tensor(values, dtype=torch.float64) for key, values in (properties or {}).items()}
    conditions: list[Attribute] = []
    labels = torch.zeros(len(tokens), dtype=torch.int64)
    if classes is not None:
        names, index = np.unique(np.array(classes, dtype=object), return_inverse=True)
        if len(names) < 2:
            remedy = "A model is told classes apart; give it at least two, or a property."
            raise bad(f"classes of {name}", f"{list(names)} alone{_reasons(skipped)}", "at least two", remedy)
        labels = torch.from_numpy(index.astype(np.int64))
        conditions.append(Label(tuple(str(each) for each in names), what))
    for key, values in numbers.items():
        conditions.append(_property(key, values, percentile))
    if classes is None:
        labels = conditions[0].of(labels, numbers).long() if conditions[0].n_classes else labels
    first = first_copies(tokens)
    chosen = every_fifth_different(labels, first) if held_out is None else held_out
    if chosen.all() or not chosen.any():
        got = f"{len(tokens)}, {len(first.unique())} of them different, {int(chosen.sum())} of them to hold out"
        raise bad(f"sequences of {name}", got + _reasons(skipped), "at least three different ones of a class")
    gone = unusable(labels, first, chosen, classes)
    if gone:
        where = places or [f"sequence {row}" for row in range(len(tokens))]
        kept = [row for row in range(len(tokens)) if row not in gone]
        return assemble(
            name,
            tokens[kept],
            codec,
            classes=None if classes is None else [classes[row] for row in kept],
            what=what,
            properties={key: values[kept].tolist() for key, values in numbers.items()},
            percentile=percentile,
            skipped=[*skipped, *(Skipped(where[row], why) for row, why in gone.items())],
            held_out=chosen[kept],
            places=[where[row] for row in kept],
        )
    whole = Split(tokens, labels, numbers)
    return complete(Dataset(name, whole.take(~chosen), whole.take(chosen), codec, tuple(conditions), tuple(skipped)))


def complete(data: Dataset) -> Dataset:
    """The same data set, if models can learn every class of every condition from it.

    Raises:
        ValueError: If its training part lacks a class.
    """
    for condition in data.conditions:
        present = set(condition.of(data.train.labels, data.train.properties).tolist()) if condition.n_classes else set()
        lacking = [name for label, name in enumerate(condition.class_names) if label not in present]
        if lacking:
            what, got = f"condition {condition.name} of {data.name}", f"no sequence of {lacking[0]!r} to train on"
            raise bad(what, got, "sequences of each class", "Choose a percentile nearer to 50.")
    return data


def nothing_left(name: str, skipped: Sequence[Skipped]) -> ValueError:
    """The error for data of which all was left out."""
    return bad(f"data {name}", f"nothing usable{_reasons(skipped)}", "at least one sequence")


def _reasons(skipped: Sequence[Skipped]) -> str:
    """How many were left out, and why the first of them."""
    reasons = "; ".join(f"{each.what}: {each.why}" for each in skipped[:3])
    return f" ({len(skipped)} left out: {reasons})" if skipped else ""


def _property(name: str, values: Tensor, percentile: float | None) -> Attribute:
    if percentile is not None:
        return Above(name, quantile(values, percentile))
    spread = float(values.std()) if len(values) > 1 else 0.0
    if not spread > 0:
        raise bad(f"property {name}", f"{float(values[0])} everywhere", "different numbers")
    return Value(name, float(values.mean()), spread)
