"""The settings of the training of a tokenizer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ...errors import bad
from ...tokenizers import FACTORS, LEVELS
from ...tokenizers.fsq import levels_of
from ..config import Settings

__all__ = ["RATES", "TokenizerConfig"]

RATES = {"muon": 3e-2, "adamw": 2e-3}
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
    width: int = Field(48, ge=1, description="channels at the highest resolution; the others have twice as many")
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
    def _rated(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Adds the rate of the optimizer, if it is not given."""
        rate = RATES.get(str(given.get("optimizer")))
        return given if rate is None else {"rate": rate} | given

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
        """The defaults of the settings, where the optimizer decides one."""
        return super().usual() | {"rate": RATES[self.optimizer]}
