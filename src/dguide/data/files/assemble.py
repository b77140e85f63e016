"""Builds a data set from sequences, classes and properties: its three parts, and a list of omitted entries."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ...errors import bad
from ..base import Dataset, Skipped, Split
from ..codecs.base import Codec
from ..condition import Above, Attribute, Label, Value, quantile
from ..holdout import TEST, TRAIN, VALIDATION, by_content, first_copies, positions, unusable, with_validation

__all__ = ["assemble", "complete", "nothing_left"]

_PARTS = {TRAIN: "training", VALIDATION: "validation", TEST: "the test"}


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
    part: Tensor | None = None,
    places: Sequence[str] | None = None,
) -> Dataset:
    """Builds a data set from sequences with classes, properties, or both.

    Classes are numbered in the order of their names; names that differ only in their Unicode form are one. Without
    `part`, about 20 % of each class are for the test and 10 % for the validation, by a hash of what the sequences stand
    for (`by_content`). Sequences that are also in another part, or of a class without training sequences, are omitted
    and listed; classes without a sequence in the test or in the validation part are listed. A property becomes a
    condition: a number, or whether it is above its percentile.

    Args:
        name: Its name for `dguide.data.load`.
        tokens: All sequences, [N, L] int64.
        codec: The codec of the tokens.
        classes: Names of the classes of the N sequences; None if there are only properties.
        what: Name of the condition for the classes.
        properties: N numbers for each property, by name.
        percentile: Between 0 and 100. The condition is then whether a property is above this percentile.
        skipped: Entries that were already omitted.
        part: The part of each sequence, [N] int64 (`holdout.TRAIN`, `VALIDATION`, `TEST`). If none is for the
            validation, 10 % of the training part are.
        places: Places of the N sequences in the source; by default their numbers.

    Raises:
        ValueError: If there are fewer than two classes, or a part is empty.
    """
    numbers = {key: torch.tensor(values, dtype=torch.float64) for key, values in (properties or {}).items()}
    conditions: list[Attribute] = []
    labels = torch.zeros(len(tokens), dtype=torch.int64)
    if classes is not None:
        classes = [unicodedata.normalize("NFC", each) for each in classes]
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
    position = positions(codec.contents(tokens))
    chosen = by_content(labels, position) if part is None else with_validation(labels, position, part)
    counts = torch.bincount(chosen, minlength=3).tolist()
    if not all(counts):
        sizes = ", ".join(f"{count} for {part_name}" for count, part_name in zip(counts, _PARTS.values(), strict=True))
        got = f"{len(tokens)}, {len(first.unique())} of them different: {sizes}"
        raise bad(f"sequences of {name}", got + _reasons(skipped), "at least four different ones of a class")
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
            part=chosen[kept],
            places=[where[row] for row in kept],
        )
    skipped = [*skipped, *_never(conditions[0], labels, first, chosen)]
    whole = Split(tokens, labels, numbers, tuple(places or ()))
    return complete(Dataset(name, *whole.parts(chosen), codec, tuple(conditions), tuple(skipped)))


def _never(condition: Attribute, labels: Tensor, first: Tensor, part: Tensor) -> list[Skipped]:
    """The classes without a sequence in the test or in the validation part."""
    listed = []
    for code, lack in ((TEST, "test part, so it cannot be judged"), (VALIDATION, "validation part")):
        for label in sorted(set(range(condition.n_classes)) - set(labels[part == code].tolist())):
            different = len(first[labels == label].unique())
            why = f"no sequence of it is in the {lack}: add different ones (it has {different})"
            listed.append(Skipped(f"class {condition.class_names[label]}", why))
    return listed


def complete(data: Dataset) -> Dataset:
    """The same data set. Checks that its training part has every class of every condition.

    Raises:
        ValueError: If a class is missing.
    """
    for condition in data.conditions:
        present = set(condition.of(data.train.labels, data.train.properties).tolist()) if condition.n_classes else set()
        lacking = [name for label, name in enumerate(condition.class_names) if label not in present]
        if lacking:
            what, got = f"condition {condition.name} of {data.name}", f"no sequence of {lacking[0]!r} to train on"
            raise bad(what, got, "sequences of each class", "Choose a percentile nearer to 50.")
    return data


def nothing_left(name: str, skipped: Sequence[Skipped]) -> ValueError:
    """The error for data without a usable entry."""
    return bad(f"data {name}", f"nothing usable{_reasons(skipped)}", "at least one sequence")


def _reasons(skipped: Sequence[Skipped]) -> str:
    """The number of omitted entries, and the reasons for the first ones."""
    reasons = "; ".join(f"{each.what}: {each.why}" for each in skipped[:3])
    return f" ({len(skipped)} left out: {reasons})" if skipped else ""


def _property(name: str, values: Tensor, percentile: float | None) -> Attribute:
    if percentile is not None:
        return Above(name, quantile(values, percentile))
    spread = float(values.std()) if len(values) > 1 else 0.0
    if not spread > 0:
        raise bad(f"property {name}", f"{float(values[0])} everywhere", "different numbers")
    return Value(name, float(values.mean()), spread)
