"""Data that a model did not learn from: whether what it can be told means the same of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..data import Attribute, Dataset, Label, Split
from ..errors import bad

__all__ = ["understood"]


def understood(dataset: Dataset, learnt: Sequence[Attribute]) -> Dataset:
    """The data set with what it shares with a model told as the model learnt it: same classes, thresholds and scales.

    What the data know besides stays as it is, and what a model can be told besides is left aside.

    Args:
        dataset: The model's own data, or others.
        learnt: What the model can be told; the first has to be known of the data.

    Raises:
        ValueError: If the data do not know the first, or have other classes under a name that they share.
    """
    known = {each.name: each for each in dataset.conditions}
    for each in learnt:
        there = known.get(each.name)
        differ = there is not None and (isinstance(each, Label) or isinstance(there, Label)) and there != each
        if differ or (there is None and each is learnt[0]):
            remedy = "Choose the data that the model learnt, or some with the same classes."
            raise bad(f"conditions of {dataset.name}", _listed(dataset.conditions), _listed([each]), remedy)
        if there is not None:
            known[each.name] = each
    conditions = tuple(known.values())
    if conditions == dataset.conditions:
        return dataset
    first = conditions[0]

    def told(split: Split) -> Split:
        return replace(split, labels=first.of(split.labels, split.properties)) if first.n_classes else split

    return replace(dataset, conditions=conditions, train=told(dataset.train), held_out=told(dataset.held_out))


def _listed(conditions: Sequence[Attribute]) -> str:
    return ", ".join(f"{each.name} ({', '.join(each.class_names) or 'a number'})" for each in conditions)
