"""The settings of the training of a tokenizer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ...errors import bad, choose
from ...tokenizers import FACTORS, LEVELS
from ...tokenizers.fsq import levels_of
from ..config import Settings

__all__ = ["RATES", "WIDTHS", "TokenizerConfig"]

WIDTHS = {"tiny": 16, "small": 32, "medium": 48, "large": 96}
"""Widths by size: 0.1, 0.5, 1.1 and 4.2 million weights at factor 8; about 0.2 of that at 4, and 1.7 times it at 16."""

RATES = {"muon": 1e-2, "adamw": 2e-3}
"""Peak learning rates by optimizer: that of Muon is too large for AdamW, also for what AdamW trains beside Muon."""


class TokenizerConfig(Settings):
    """Settings of the training of a tokenizer of images. The constructor reports all mistakes together.

    Raises:
        pydantic.ValidationError: A `ValueError` that lists every wrong setting, and the valid names.
    """

    COMMAND = "train-tokenizer"

    data: str = Field(description="data set of images, such as images:FOLDER,size=128")
    seed: int = Field(0, ge=0, description="seed of weights and order of data")
    patience: int | None = Field(
        None, ge=1, description="evaluations of the validation part without a better one after which the run ends early"
    )
    factor: int = Field(8, description="pixels of a side for each token: 4, 8 or 16")
    codes: int = Field(512, description=f"number of different tokens: {', '.join(map(str, LEVELS))}")
    size: str = Field(
        "medium",
        description="width, with millions of weights at factor 8: tiny (0.1), small (0.5), medium (1.1), large (4.2)",
    )
    width: int = Field(
        WIDTHS["medium"],
        ge=1,
        description="channels at the highest resolution, instead of the value of size; the others have twice as many",
    )
    loss: Literal["worst", "l1"] = Field(
        "worst", description="loss: l1, or worst for l1 and half of that of the worst pixels, which keeps rare details"
    )
    worst: float = Field(0.1, gt=0, le=1, description="share of the worst pixels of a picture, for --loss worst")
    flips: bool = Field(False, description="whether pictures are mirrored at random, up and down and left and right")
    batch_size: int = Field(16, ge=1, description="pictures per step, in all processes together")
    optimizer: Literal["adamw", "muon"] = Field(
        "muon", description="optimizer: adamw, or muon for the weights of the large convolutions"
    )
    rate: float = Field(RATES["muon"], gt=0, description="peak learning rate")
    warmup: int = Field(100, ge=0, description="steps until the rate reaches its peak")
    ema: float = Field(0.998, ge=0, lt=1, description="decay of the averaged weights: 0.998 averages over 500 steps")

    @model_validator(mode="before")
    @classmethod
    def _decided(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Adds the rate of the optimizer and the width of the size, if they are not given."""
        rate, width = RATES.get(str(given.get("optimizer"))), WIDTHS.get(str(given.get("size")))
        return {name: value for name, value in (("rate", rate), ("width", width)) if value is not None} | given

    @field_validator("size")
    @classmethod
    def _known_size(cls, value: str) -> str:
        return choose("size", value, WIDTHS)

    @field_validator("factor")
    @classmethod
    def _known_factor(cls, value: int) -> int:
        if value not in FACTORS:
            raise bad("factor", value, f"one of {', '.join(map(str, FACTORS))}")
        return value

    @field_validator("codes")
    @classmethod
    def _known_codes(cls, value: int) -> int:
        levels_of(value)
        return value

    def usual(self) -> dict[str, Any]:
        """The defaults of the settings, where the optimizer and the size decide some."""
        return super().usual() | {"rate": RATES[self.optimizer], "width": WIDTHS[self.size]}
