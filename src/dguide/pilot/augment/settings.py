"""The settings of a pilot on a rare class. All are checked before the work starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Any

import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self  # comes with pydantic

from ...data import Dataset, class_of, few
from ...errors import Mistakes, bad, choose
from ...evaluate.statistics.thresholds import needed
from ..money import Prices
from ..studies import PilotStudy
from .arms import Way, mixes
from .classifiers import CLASSIFIERS
from .model import choice_of
from .ordinary import Ordinary

__all__ = ["LEAST_RUNS", "AugmentStudy"]

LEAST_RUNS = 3
"""Runs without which an interval that counts them says too little."""
_FEWEST_PIXELS = 4


class AugmentStudy(PilotStudy):
    """A pilot: do generated examples of a rare class make a classifier better? The constructor reports all mistakes.

    Raises:
        pydantic.ValidationError: A `ValueError` that lists every wrong setting, and the valid names.
    """

    rare: str = Field(description="the rare class, by name or number")
    real: int = Field(20, description="real examples of the rare class that stay in the training part")
    model: str | None = Field(
        None, description="checkpoint that draws the examples of all runs, instead of a model for each run"
    )
    good: tuple[str, ...] = Field(
        (), description="classes that must raise no alarm; by default all but the rare one. Others are left out"
    )
    by: str | None = Field(None, description="another condition of the data, by whose values recall is told apart")

    runs: int = Field(
        5,
        ge=LEAST_RUNS,
        description="repetitions from the choice of the real examples on, each with a model and classifiers of its own",
    )
    added: int | None = Field(
        None, ge=1, description="examples that each arm adds; by default as many as the other classes have on average"
    )
    ways: tuple[Way, ...] = Field(
        ("whole",), min_length=1, description="whole: samples; filled: defects filled into good parts; or both"
    )
    region: float = Field(
        0.4, gt=0, lt=1, description="sides of the region that is filled in, as a share of those of the picture"
    )

    classifier: str = Field("small-network", description="classifier that every arm trains")
    ordinary: Ordinary = Field(
        Ordinary(), description="ordinary augmentation, as in shift=0.1,rotation=10,flips=both (flips: none)"
    )
    false_alarms: float = Field(
        0.05, gt=0, lt=1, description="share of false alarms for which thresholds are chosen on the validation part"
    )
    prices: Prices | None = Field(
        None, description="miss, false_alarm, volume, share, and pilot, running, years, currency"
    )
    example_prices: bool = Field(False, description="whether the prices are an example: true or false")

    @classmethod
    def check_data(cls, data: Dataset) -> None:
        """Raises `ValueError` unless they are images."""
        size = data.codec.size
        if size is None or min(size) < _FEWEST_PIXELS:
            raise bad("data", f"{data.name}, which are no images", "labelled images")

    @field_validator("rare")
    @classmethod
    def _known_class(cls, value: str, info: ValidationInfo) -> str:
        data = cls._data(info)
        if data is None:
            return value
        found = data.class_names[class_of(data, value)]
        few(data, found, 1)  # there are examples to judge by
        return found

    @field_validator("real")
    @classmethod
    def _enough(cls, value: int, info: ValidationInfo) -> int:
        data = cls._data(info)
        if data is not None and "rare" in info.data:
            few(data, info.data["rare"], value)
        return value

    @field_validator("model")
    @classmethod
    def _of_these_data(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and {"data", "rare", "real"} <= info.data.keys():
            choice_of(value, info.data["data"], info.data["rare"], info.data["real"])
        return value

    @model_validator(mode="after")
    def _with_thresholds(self) -> Self:
        count = int(torch.isin(self.whole.validation.labels, torch.tensor(self.good_classes)).sum())
        if count < needed(self.false_alarms):
            least = math.ceil(100 / (count + 1)) / 100
            got = f"{self.false_alarms:g} with {count} good examples in the validation part"
            remedy = "With fewer no threshold can be chosen, and no alarm is raised. More good examples help too."
            raise bad("false_alarms", got, f"a share of at least {least:g}", remedy)
        return self

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        self.check_together({name: getattr(self, name) for name in self.model_fields_set})
        return self

    @classmethod
    def check_together(cls, given: Mapping[str, Any]) -> None:
        """Raises `ValueError` for a model beside settings of training."""
        if given.get("model") is not None and "train" in given:
            got = f"{given['model']} beside train"
            raise bad("model", got, "one of the two", "A model that exists is not trained.")

    @field_validator("good")
    @classmethod
    def _other_classes(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        data = cls._data(info)
        if data is None or "rare" not in info.data:
            return value
        found = tuple(data.class_names[class_of(data, each)] for each in value)
        if info.data["rare"] in found or len(set(found)) < len(found):
            raise bad("good classes", ", ".join(found), "each once, and not the rare one")
        good = [data.class_names.index(each) for each in found or data.class_names if each != info.data["rare"]]
        if not torch.isin(data.validation.labels, torch.tensor(good)).any():
            raise bad("good classes", "none with an example in the validation part", "at least one")
        return found

    @field_validator("by")
    @classmethod
    def _other_condition(cls, value: str | None, info: ValidationInfo) -> str | None:
        data = cls._data(info)
        if value is None or data is None:
            return value
        return choose("condition to tell apart", value, [each.name for each in data.conditions[1:] if each.n_classes])

    @field_validator("classifier")
    @classmethod
    def _known_classifier(cls, value: str, info: ValidationInfo) -> str:
        data = cls._data(info)
        CLASSIFIERS.read(value, typed=True).check(data.n_classes if data else 2)
        return value

    @field_validator("ordinary", mode="before")
    @classmethod
    def _as_ordinary(cls, value: Any) -> Any:
        return _made("ordinary", Ordinary, value)

    @field_validator("prices", mode="before")
    @classmethod
    def _as_prices(cls, value: Any) -> Any:
        return _made("prices", Prices, value) if value is not None else None

    @property
    def choices(self) -> tuple[int, ...]:
        """For each run the seed of the choice of its real examples: its own, or the one of the data of the model."""
        given = None if self.model is None else choice_of(self.model, self.data, self.rare, self.real)
        return tuple(range(self.runs)) if given is None else (given,) * self.runs

    @property
    def has_seen_all(self) -> bool:
        """Whether the model has learnt the rare examples that the pilot leaves out."""
        return self.model is not None and choice_of(self.model, self.data, self.rare, self.real) is None

    @property
    def titles(self) -> dict[str, str]:
        """A short name for each setting, by its label: what differs from setting to setting."""
        words = {each.label: each.label.split() for each in self.settings}
        alike = set.intersection(*map(set, words.values())) | ({"normalized"} if len(self.guidance) == 1 else set())
        plain = self.settings[0].label
        return {
            label: "unguided" if label == plain else " ".join(["guided", *(each for each in own if each not in alike)])
            for label, own in words.items()
        }

    @property
    def augmentation(self) -> Ordinary:
        """Ordinary augmentation, without means of pixels where the pixels are colours of a palette."""
        return self.ordinary if mixes(self.whole) else replace(self.ordinary, mixed=False)

    @property
    def good_classes(self) -> tuple[int, ...]:
        """The numbers of the classes that must raise no alarm."""
        data = self.whole
        rare = class_of(data, self.rare)
        named = [class_of(data, each) for each in self.good]
        return tuple(named or (each for each in range(data.n_classes) if each != rare))


def _made(what: str, kind: type[Any], value: Any) -> Any:
    """A record from its fields by name. Raises `InputError` with all that is wrong with them."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise bad(what, repr(value), "values by name")
    known = [field.name for field in fields(kind)]
    unknown = [str(each) for each in value if each not in known]
    missing = [field.name for field in fields(kind) if field.default is MISSING and field.name not in value]
    mistakes = Mistakes()
    for name in unknown:
        mistakes.add(bad(f"{what} {name}", "an unknown name", f"one of {', '.join(known)}"))
    for name in missing:
        mistakes.add(bad(f"{what} {name}", "nothing", "a number"))
    # A number that any field accepts, so that the mistakes of the others are found too.
    given = dict.fromkeys(missing, 0.5) | {name: each for name, each in value.items() if name in known}
    found = mistakes.of(lambda: kind(**given))
    mistakes.settle()
    return found
