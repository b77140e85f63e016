"""Gives a data set the conditions of a model, if they have the same meaning in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..data import Attribute, Dataset, Label, Split
from ..errors import bad

__all__ = ["align_conditions"]


def align_conditions(dataset: Dataset, learnt: Sequence[Attribute]) -> Dataset:
    """The data set with the thresholds and scales of the model in all conditions that both have.

    Conditions that only the data or only the model has do not change.

    Args:
        dataset: The training data of the model, or another data set.
        learnt: The conditions of the model. The data must have the first one.

    Raises:
        ValueError: If the data lack the first condition, or a shared condition has other classes.
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

    def aligned(split: Split) -> Split:
        return replace(split, labels=first.of(split.labels, split.properties)) if first.n_classes else split

    return replace(dataset, conditions=conditions, train=aligned(dataset.train), held_out=aligned(dataset.held_out))


def _listed(conditions: Sequence[Attribute]) -> str:
    return ", ".join(f"{each.name} ({', '.join(each.class_names) or 'a number'})" for each in conditions)
