"""Loads the data to compare a model with, and gives them its conditions, if they have the same meaning in both."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from ..errors import bad
from . import LOADERS, Attribute, Dataset, Label, Split, load

__all__ = ["align_conditions", "aligned", "real_data"]


def real_data(learnt: str, digest: str | None, given: str | None) -> Dataset:
    """The data to compare with. Warns in one line if they are the training data by name, but have changed.

    Args:
        learnt: Name of the training data of the model.
        digest: `Dataset.digest` of the training data, if it is known.
        given: Name of other data, if the user gave one.

    Raises:
        ValueError: If the data are not there, or are not valid.
    """
    if given is not None:
        return load(given, typed=True)
    call = LOADERS.call(learnt)
    gone = next((path for path in call.paths if not path.exists()), None)
    if gone is not None:
        remedy = f"If they moved: --data {learnt.replace(str(gone), 'NEW_PATH')}"
        raise bad("training data of the model", f"no {gone}", learnt, remedy)
    dataset = load(learnt)
    if digest is not None and digest != dataset.digest:
        change = "they have changed since, so that test sequences may have been learnt"
        print(f"warning: {learnt} are not the data that the model learnt: {change}", file=sys.stderr)
    return dataset


def aligned(dataset: Dataset, learnt: Sequence[Attribute]) -> Dataset:
    """The data with the conditions of a model (`align_conditions`), of which the first is also the first of the data.

    Raises:
        ValueError: If it is another one, or as `align_conditions` does.
    """
    if dataset.conditions[0].name != learnt[0].name:
        raise bad(f"first condition of {dataset.name}", dataset.conditions[0].name, learnt[0].name)
    return align_conditions(dataset, learnt)


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

    return replace(
        dataset,
        conditions=conditions,
        train=aligned(dataset.train),
        validation=aligned(dataset.validation),
        test=aligned(dataset.test),
    )


def _listed(conditions: Sequence[Attribute]) -> str:
    return ", ".join(f"{each.name} ({', '.join(each.class_names) or 'a number'})" for each in conditions)
