"""The settings of a pilot on a rare class. All are checked before the work starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from ...data import LOADERS, Dataset, class_of, few, load
from ...errors import InputError, bad, choose, require
from ...files import expanded
from ...study import Setting, grid
from ...train import TrainConfig
from ...train.config import mistakes_of
from ..money import Prices
from .arms import Way, mixes
from .classifiers import CLASSIFIERS
from .ordinary import Ordinary

__all__ = ["LEAST_RUNS", "AugmentStudy", "checked", "read_study"]

LEAST_RUNS = 3
"""Runs without which an interval that counts them says too little."""
_FEWEST_PIXELS = 4


class AugmentStudy(BaseModel):
    """A pilot: do generated examples of a rare class make a classifier better? The constructor reports all mistakes.

    Raises:
        pydantic.ValidationError: A `ValueError` that lists every wrong setting, and the valid names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)

    data: str = Field(description="labelled images: the name of a data set, with its path and options")
    rare: str = Field(description="the rare class, by name or number")
    real: int = Field(20, description="real examples of the rare class that stay in the training part")
    good: tuple[str, ...] = Field(
        (), description="classes that must raise no alarm; by default all but the rare one. Others are left out"
    )
    by: str | None = Field(None, description="another condition of the data, by whose values recall is told apart")
    title: str = Field("", description="title of the report; by default the data and the rare class")

    runs: int = Field(
        5,
        ge=LEAST_RUNS,
        description="repetitions from the choice of the real examples on, each with a model and classifiers of its own",
    )
    added: int | None = Field(
        None, ge=1, description="examples that each arm adds; by default as many as the other classes have on average"
    )
    train: dict[str, Any] = Field(
        {"minutes": 3.0}, description="settings of `dguide train` for the model, as in minutes=3,size=small"
    )
    guidance: tuple[str, ...] = Field(("normalized",), min_length=1, description="guidance mechanisms")
    weight: tuple[str, ...] = Field(
        ("ramp-up:1", "ramp-up:3"), min_length=1, description="guidance weights w, beside 0, which is always drawn"
    )
    sampler: str = Field("ancestral:steps=32", description="sampler with its options")
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
    language: Literal["en", "ja"] = Field("en", description="language of the report: en or ja")

    @field_validator("data")
    @classmethod
    def _known_data(cls, value: str) -> str:
        call = LOADERS.call(value, typed=True)
        call.check()
        name = call.absolute() if call.paths else value  # the same in every working directory
        codec = _loaded(name).codec
        if codec.size is None or min(codec.size) < _FEWEST_PIXELS:
            raise bad("data", f"{name}, which are no images", "labelled images")
        return name

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

    @field_validator("train")
    @classmethod
    def _trainable(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        taken = sorted({"out", "data", "seed"} & value.keys())
        if taken:
            raise bad("train", ", ".join(taken), "other settings, since the pilot gives these")
        if "data" in info.data:
            try:
                TrainConfig(out=Path("model"), data=info.data["data"], **value)
            except ValidationError as error:
                raise mistakes_of(error, lambda place: f"train {place}") from error
        return value

    @field_validator("guidance", "weight", "sampler")
    @classmethod
    def _known_settings(cls, value: Any, info: ValidationInfo) -> Any:
        usual = {"guidance": ("normalized",), "weight": ("1",), "sampler": "ancestral"}
        given = {**usual, str(info.field_name): value}
        grid(given["guidance"], given["weight"], (given["sampler"],))
        return value

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

    @staticmethod
    def _data(info: ValidationInfo) -> Dataset | None:
        """The data set, if its name is right."""
        return _loaded(info.data["data"]) if "data" in info.data else None

    @property
    def whole(self) -> Dataset:
        """The data set with all examples."""
        return _loaded(self.data)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """How examples are drawn: without guidance first."""
        return grid(self.guidance, ("0", *self.weight), (self.sampler,))

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


def read_study(path: Path) -> dict[str, Any]:
    """The settings in a file in YAML, not yet checked.

    Raises:
        ValueError: If the file is missing, no YAML, or holds something else than settings by name.
    """
    yaml, source = require("yaml", "pilot"), expanded(path)
    expected = "settings by name, as in `data: digits`"
    try:
        text = source.read_text(encoding="utf-8")
        wrong = _once(yaml, text)
        given = None if wrong else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise bad(f"study {path}", " ".join(str(error).split()), f"a file in YAML with {expected}") from error
    if wrong:
        raise bad(f"study {path}", wrong, "each setting once, and its value written out")
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise bad(f"study {path}", type(given).__name__, f"a file in YAML with {expected}")
    return _in_words(given)


def _once(yaml: Any, text: str) -> str:
    """What is wrong with settings in YAML: a name twice, or an alias, a few of which can stand for gigabytes."""
    if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
        return "an alias (*NAME)"
    node = yaml.compose(text, yaml.SafeLoader)
    names = [name.value for name, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    return next((f"{name} twice" for name in names if names.count(name) > 1), "")


def _in_words(given: Mapping[str, Any]) -> dict[str, Any]:
    """YAML reads `rare: 8` as a number, which is the name of a class."""
    texts = ("rare", "weight", "good", "by")
    found = dict(given)
    for name in texts:
        value = found.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = found[name] = str(value)
        if name in ("weight", "good") and isinstance(value, str):
            found[name] = [value]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            found[name] = [str(each) if isinstance(each, int | float) else each for each in value]
    return found


def checked(given: Mapping[str, Any], named: str = "{}") -> AugmentStudy:
    """The study with these settings.

    Args:
        given: Settings by name.
        named: How an error calls a setting, as in "--{}".

    Raises:
        ValueError: With a line for each mistake.
    """
    try:
        return AugmentStudy(**given)
    except ValidationError as error:
        raise mistakes_of(error, named.format) from error


def _made(what: str, kind: type[Any], value: Any) -> Any:
    """A record from its fields by name. Raises `InputError` with all that is wrong with them."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise bad(what, repr(value), "values by name")
    known = [field.name for field in fields(kind)]
    unknown = [str(each) for each in value if each not in known]
    missing = [field.name for field in fields(kind) if field.default is MISSING and field.name not in value]
    lines = [str(bad(f"{what} {name}", "an unknown name", f"one of {', '.join(known)}")) for name in unknown]
    lines += [str(bad(f"{what} {name}", "nothing", "a number")) for name in missing]
    try:
        # a number that any field accepts, so that the mistakes of the others are found too
        found = kind(**dict.fromkeys(missing, 0.5), **{name: each for name, each in value.items() if name in known})
    except InputError as error:
        lines.append(str(error))
    if lines:
        raise InputError("\n       ".join(lines))
    return found


@lru_cache(maxsize=2)
def _loaded(name: str) -> Dataset:
    return load(name, typed=True)
