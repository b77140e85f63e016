"""What all pilots have in common: their settings, checked before the work starts, and how a file gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from ..data import LOADERS, Dataset, load
from ..errors import Mistakes, bad, require
from ..files import expanded
from ..study import CheckpointSource, DenoiserSource, Setting, Study, grid
from ..train import TrainConfig
from ..train.config import mistakes_of
from ..train.denoisers import build

__all__ = ["RESULTS", "PilotStudy", "checked", "read_study"]

RESULTS = "results"
"""The folder of samples and scores in that of a pilot."""

_SAMPLING = ("data", "train", "guidance", "weight", "sampler")
"""The settings that samples of a pilot depend on, beside a model that exists."""

S = TypeVar("S", bound="PilotStudy")


class PilotStudy(BaseModel):
    """Settings of any pilot. The constructor reports all mistakes together.

    Raises:
        pydantic.ValidationError: A `ValueError` that lists every wrong setting, and the valid names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)

    data: str = Field(description="labelled data: the name of a data set, with its path and options")
    title: str = Field("", description="title of the report; by default it names the data")
    train: dict[str, Any] = Field(
        {"minutes": 3.0}, description="settings of `dguide train` for the model, as in minutes=3,size=small"
    )
    guidance: tuple[str, ...] = Field(("normalized",), min_length=1, description="guidance mechanisms")
    weight: tuple[str, ...] = Field(
        ("ramp-up:1", "ramp-up:3"), min_length=1, description="guidance weights w, beside 0, which is always drawn"
    )
    sampler: str = Field("ancestral:steps=32", description="sampler with its options")
    language: Literal["en", "ja"] = Field("en", description="language of the report: en or ja")

    @field_validator("data")
    @classmethod
    def _known_data(cls, value: str) -> str:
        call = LOADERS.call(value, typed=True)
        call.check()
        name = call.absolute() if call.paths else value  # the same in every working directory
        cls.check_data(_loaded(name))
        return name

    @classmethod
    def check_data(cls, data: Dataset) -> None:
        """Raises `ValueError` if such a pilot cannot use the data."""

    @classmethod
    def check_together(cls, given: Mapping[str, Any]) -> None:
        """Raises `ValueError` for settings that exclude each other."""

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

    @staticmethod
    def _data(info: ValidationInfo) -> Dataset | None:
        """The data set, if its name is right."""
        return _loaded(info.data["data"]) if "data" in info.data else None

    @property
    def whole(self) -> Dataset:
        """The data set."""
        return _loaded(self.data)

    @property
    def called(self) -> str:
        """What a title calls the data: their folder or file, or their name; without options."""
        call = LOADERS.call(self.data, typed=True)
        first = call.arguments.get(next(iter(call.options), ""))
        return first.name if isinstance(first, Path) else self.whole.name

    @property
    def settings(self) -> tuple[Setting, ...]:
        """How examples are drawn: without guidance first."""
        return grid(self.guidance, ("0", *self.weight), (self.sampler,))

    def check_sampling(self, model: str | Path | None = None) -> None:
        """Raises `ValueError` for each setting that the model cannot be sampled with.

        Args:
            model: Its checkpoint; by default a network that has learnt nothing, as training would begin with.
        """
        data = self.whole
        one = data.test.some(1)
        if model is None:
            process, network = build(TrainConfig(out=Path("model"), data=self.data, **self.train), data)
            source = DenoiserSource(network.eval(), process, data.length, "the model to train")
            Study(source, self.settings, (0,), 1, data.condition(one)).check()
        else:
            Study(CheckpointSource.of(model), self.settings, (0,), 1, data.values(one)).check()


def read_study(path: Path) -> dict[str, Any]:
    """The settings in a file in YAML, not yet checked.

    Raises:
        ValueError: If the file is missing, no YAML, or holds something else than settings by name.
    """
    yaml, source = require("yaml", "pilot"), expanded(path)
    expected = "settings by name, as in `data: digits`"
    if not source.is_file():
        raise bad(f"study {path}", "no such file", f"a file in YAML with {expected}")
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
    texts, several = ("rare", "weight", "good", "by"), ("weight", "good", "guidance", "ways")
    found = dict(given)
    for name in texts:
        value = found.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = str(value)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            found[name] = [str(each) if isinstance(each, int | float) else each for each in value]
    return found | {name: [found[name]] for name in several if isinstance(found.get(name), str)}


def checked(kind: type[S], given: Mapping[str, Any]) -> S:
    """The study of that kind with these settings.

    Raises:
        ValueError: With a line for each mistake. Where other settings are wrong, those of sampling are tried all the
            same.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        expected = {name: each.description for name, each in kind.model_fields.items()}
        mistakes = Mistakes()
        mistakes.add(mistakes_of(error, str, expected))
        mistakes.of(lambda: kind.check_together(given))
        wrong = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
        if not wrong & {*_SAMPLING, "model"}:
            some = {name: given[name] for name in _SAMPLING if name in given}
            mistakes.of(lambda: PilotStudy(**some).check_sampling(given.get("model")))
        mistakes.settle()
        raise


@lru_cache(maxsize=2)
def _loaded(name: str) -> Dataset:
    return load(name, typed=True)
