"""The settings of a plain pilot."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from ...data import Dataset
from ...errors import Mistakes, bad
from ...evaluate.samples import check_count, suited
from ..compare import WEIGHTS
from ..studies import PilotStudy

__all__ = ["FEWEST", "CompareStudy"]

FEWEST = 30
"""Test examples without which a comparison with them says too little."""


class CompareStudy(PilotStudy):
    """A pilot: does guidance help a model of these data, and which setting? The constructor reports all mistakes.

    Raises:
        pydantic.ValidationError: A `ValueError` that lists every wrong setting, and the valid names.

    >>> CompareStudy(data="digits", weight=("1",)).settings[0].label
    'normalized constant:0.0 ancestral'
    """

    weight: tuple[str, ...] = Field(
        WEIGHTS[1:], min_length=1, description="guidance weights w, beside 0, which is always drawn"
    )
    count: int = Field(500, ge=1, description="samples of each setting")

    @field_validator("count")
    @classmethod
    def _enough(cls, value: int, info: ValidationInfo) -> int:
        data = cls._data(info)
        if data is not None:
            check_count(suited(data), value)
        return value

    @classmethod
    def check_data(cls, data: Dataset) -> None:
        """Raises `ValueError` if the data have no condition to guide by, or too few test examples."""
        mistakes = Mistakes()
        mistakes.of(lambda: _check_conditions(data))
        mistakes.of(lambda: _check_size(data))
        mistakes.settle()


def _check_conditions(data: Dataset) -> None:
    values = data.values(data.train).values()
    if not any(len(each[~each.isnan()].unique()) > 1 for each in values):
        got = f"{', '.join(each.name for each in data.conditions)} with one value in all training examples"
        remedy = "Guidance tells conditions apart: give labels, or a property."
        raise bad(f"conditions of {data.name}", got, "one with at least two", remedy)


def _check_size(data: Dataset) -> None:
    if len(data.test) < FEWEST:
        remedy = "Samples are compared with them: give more data."
        raise bad(f"test examples of {data.name}", len(data.test), f"at least {FEWEST}", remedy)
