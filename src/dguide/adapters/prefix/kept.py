"""The cache of a model by its convention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ...denoiser import Prefix
from ...noise import Noise
from ..convention import Convention
from .inside import InsideModel
from .layout import arranged
from .past import PastKeyValues

__all__ = ["prefix_of"]


def prefix_of(
    module: Callable[..., Any],
    convention: Convention,
    noise: Noise,
    prompt: tuple[Tensor, Tensor],
    lead: Tensor,
    labels: Tensor | None,
    length: int,
) -> Prefix | None:
    """What the model keeps for sequences of `length` tokens; None if the convention has no cache.

    Args:
        module: The model.
        convention: What it means.
        noise: The noise schedule, by which it is told the time.
        prompt: Tokens before each sequence [R, P] in its numbers, and which of them are real.
        lead: How many columns of the first block stand before each sequence, [R].
        labels: [R], for a model that is told labels.
        length: L.
    """
    if convention.cache == "none":
        return None
    if convention.cache == "inside":
        return InsideModel(module, convention, noise, len(lead), labels, length)
    assert convention.block is not None
    return PastKeyValues(module, convention, noise, arranged(*prompt, lead, length, convention.block), labels)
