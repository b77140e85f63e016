"""The settings of a training run. All are checked before the work starts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from typing_extensions import Self  # comes with pydantic

from ..data import LOADERS
from ..errors import InputError, bad, choose
from ..files import expanded
from ..noise import NOISES
from ..process import PROCESSES, Prediction

__all__ = ["SIZES", "Settings", "TrainConfig", "mistakes_of", "option"]

SIZES: dict[str, dict[str, int]] = {
    "tiny": {"width": 64, "layers": 2, "heads": 4},
    "small": {"width": 96, "layers": 3, "heads": 4},
    "medium": {"width": 128, "layers": 5, "heads": 4},
    "large": {"width": 256, "layers": 8, "heads": 8},
    "huge": {"width": 768, "layers": 12, "heads": 12},
}
"""Networks by size: about 0.15, 0.5, 1.5, 9 and 130 million parameters."""


_MILLIONS = "tiny (0.16), small (0.5), medium (1.5), large (9.6), huge (129)"


def option(name: str) -> str:
    """The option of the command line for a setting."""
    return "--" + name.rstrip("_").replace("_", "-")


def mistakes_of(
    error: ValidationError, called: Callable[[str], str], meaning: Mapping[str, str | None] | None = None
) -> InputError:
    """The `InputError` with a line for each mistake in some settings. Raises a bug in one of their checks again.

    Args:
        error: The mistakes.
        called: What a setting is called, from its name.
        meaning: What a setting is, by its name, for those that are missing.
    """

    def line(mistake: Any) -> str:
        raised = mistake.get("ctx", {}).get("error")
        if isinstance(raised, Exception) and not isinstance(raised, InputError):
            raise raised
        message = str(mistake["msg"]).removeprefix("Value error, ")
        if not mistake["loc"]:
            return message
        name = str(mistake["loc"][0])
        if mistake["type"] == "missing":
            return str(bad(called(name), "nothing", (meaning or {}).get(name) or "a value"))
        got = "" if mistake["type"] == "value_error" else f", got {mistake['input']!r}"
        return f"{called(name)}: {message}{got}"

    return InputError("\n       ".join(line(mistake) for mistake in error.errors()))


class Settings(BaseModel):
    """Settings of any training run. The constructor reports all mistakes together.

    Raises:
        pydantic.ValidationError: A `ValueError` that lists every wrong setting, and the valid names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    COMMAND: ClassVar[str]
    """The command of `dguide`."""

    out: Path = Field(description="folder of the checkpoint, and of the state of a stopped run; created if missing")
    data: str
    seed: int = Field(0, ge=0, description="seed of weights, order of data, corruption and label dropout")

    steps: int | None = Field(None, ge=1, description="length of the run in steps, which makes it reproducible")
    minutes: float | None = Field(
        None, gt=0, description="length of the run in minutes, evaluations included, instead of steps"
    )
    patience: int | None = Field(
        None, ge=1, description="evaluations without fewer bits of the validation part after which the run ends early"
    )

    batch_size: int = Field(64, ge=1, description="sequences per step, in all processes together")
    accumulate: int = Field(1, ge=1, description="parts of a batch, computed one after the other to save memory")
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw", description="optimizer: adamw, or muon for the matrices of the blocks"
    )
    rate: float = Field(3e-3, gt=0, description="peak learning rate")
    decay: Literal["cosine", "constant"] = Field(
        "cosine",
        description="course of the rate after the warm-up: cosine has half left at half of the run, 0 at the end; "
        "constant stays and lets a finished run go on with more steps",
    )
    warmup: int = Field(50, ge=0, description="steps until the rate reaches its peak")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay of matrices")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient; a longer one is shortened to it")
    ema: float = Field(
        0.999, ge=0, lt=1, description="decay of the averaged weights: 0.999 averages over about 1,000 steps"
    )

    evaluate_every: int = Field(200, ge=1, description="steps between evaluations; each evaluation saves the state")
    precision: Literal["no", "bf16"] = Field(
        "no", description="mixed precision: no, or bf16 for half precision where it is safe"
    )
    device: Literal["auto", "cpu"] = Field("auto", description="device: auto (an accelerator if there is one) or cpu")
    tensorboard: bool = Field(False, description="whether to write a log for TensorBoard: True or False")

    @field_validator("out", "from_", check_fields=False)
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        return value and expanded(value)

    @field_validator("data")
    @classmethod
    def _known_data(cls, value: str) -> str:
        call = LOADERS.call(value)
        call.check()
        return call.absolute() if call.paths else value  # a checkpoint is read in other folders, too

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        if (self.steps is None) == (self.minutes is None):
            raise bad("length of the run", f"steps={self.steps}, minutes={self.minutes}", "exactly one of the two")
        return self

    @classmethod
    def names(cls) -> list[str]:
        """The settings in the order of help texts: place, data and length, what is trained, then how."""
        shared = [*Settings.model_fields]
        after = shared.index("patience") + 1
        own = [name for name in cls.model_fields if name not in shared]
        return [*shared[:after], *own, *shared[after:]]

    def usual(self) -> dict[str, Any]:
        """The defaults of the settings."""
        return {name: field.default for name, field in type(self).model_fields.items()}

    def command(self) -> str:
        """The command line of this run, with all settings that differ from the defaults."""
        words, given, usual = ["dguide", self.COMMAND], self.settings(), self.usual()
        for name in self.names():
            if name == "out" or given[name] != usual[name]:
                words += [option(name), str(given[name])]
        return shlex.join(words)

    def recipe(self) -> dict[str, Any]:
        """The settings that a resumed run must keep: all except `out`, `device` and `tensorboard`."""
        return {name: value for name, value in self.settings().items() if name not in ("out", "device", "tensorboard")}

    def settings(self) -> dict[str, Any]:
        """All settings, as values for JSON."""
        return self.model_dump(mode="json")


class TrainConfig(Settings):
    """Settings of the training of a denoiser. The constructor reports all mistakes together.

    Raises:
        pydantic.ValidationError: A `ValueError` that lists every wrong setting, and the valid names.
    """

    COMMAND = "train"

    data: str = Field(
        "digits",
        description="name of a data set, with its path and options if any, or your own as my_module:function",
    )
    process: str = Field("masked", description="process that corrupts the data: masked or uniform")
    noise: str = Field(
        "linear",
        description="noise schedule, with the share of noise at half the time: linear (50 %), cosine (71 %), "
        "polynomial:2 (25 %), geometric (1 %), or your own as my_module:MyClass",
    )
    prediction: Prediction = Field(
        "posterior",
        description="law that a network of the uniform process predicts: posterior, or leave-one-out as UDLM and Duo",
    )
    from_: Path | None = Field(
        None, description="checkpoint whose weights the run begins with; its network must have the same sizes"
    )

    size: str = Field("small", description=f"width, layers and heads together, with millions of weights: {_MILLIONS}")
    width: int = Field(96, ge=2, description="channels of a token, instead of the value of size")
    layers: int = Field(3, ge=1, description="transformer blocks, instead of the value of size")
    heads: int = Field(4, ge=1, description="attention heads, instead of the value of size")
    expansion: int = Field(4, ge=1, description="hidden channels of a block, as a multiple of the width")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of channels set to zero in the output of a block")
    label_dropout: float = Field(0.1, ge=0, le=1, description="share of sequences whose label is replaced by null")
    shift: int = Field(0, ge=0, description="largest random shift of an image, in pixels")
    shift_share: float = Field(0.5, ge=0, le=1, description="share of the images that are shifted, if any")
    evaluate_passes: int = Field(8, ge=1, description="noise levels for each validation sequence in an evaluation")

    @model_validator(mode="before")
    @classmethod
    def _sized(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Adds the settings of the size, if they are not given."""
        return SIZES.get(str(given.get("size")), {}) | given

    @field_validator("size")
    @classmethod
    def _known_size(cls, value: str) -> str:
        return choose("size", value, SIZES)

    @field_validator("process")
    @classmethod
    def _known_process(cls, value: str) -> str:
        return choose("process", value, PROCESSES)

    @field_validator("noise")
    @classmethod
    def _known_noise(cls, value: str) -> str:
        return NOISES.write(NOISES.read(value))

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.width % (2 * self.heads):
            raise bad("width", self.width, f"a multiple of {2 * self.heads} (twice the heads)")
        if self.prediction != "posterior" and "prediction" not in PROCESSES.call(self.process).options:
            remedy = "Leave it out: with masks both laws are the same."
            raise bad("prediction", f"{self.prediction} with {self.process}", "a process with the option", remedy)
        return self

    def recipe(self) -> dict[str, Any]:
        """As of any run; without the usual prediction, which older runs do not have among their settings."""
        kept = super().recipe()
        return {name: kept[name] for name in kept if (name, kept[name]) != ("prediction", "posterior")}

    def usual(self) -> dict[str, Any]:
        """The defaults of the settings, where the size decides some."""
        return super().usual() | SIZES[self.size]
