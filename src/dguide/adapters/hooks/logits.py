"""Guided logits: all that can be guided in the loop of somebody else, which has a pace of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import TypeAlias

import torch
from torch import Tensor

from ...denoiser import shown
from ...errors import bad, in_tensor
from ...guidance import Guidance, Normalized, Schedule, normalise, parse_schedule, tilt

__all__ = ["Weight", "as_normalized", "as_text", "guided_logits"]

Weight: TypeAlias = "float | str | Schedule | Normalized"
"""What hooks are told of guidance: `Normalized`, or its weight as a number, a schedule, or text such as
"ramp-up:2.0"."""


def as_normalized(guidance: Weight) -> Normalized:
    """The mechanism that a hook is told.

    Raises:
        ValueError: For any other mechanism: a loop that draws tokens from logits sets the pace itself.
    """
    if isinstance(guidance, Normalized):
        return guidance
    if isinstance(guidance, Guidance):
        remedy = "The loop decides when a token is drawn; dguide.sample guides the pace too."
        raise bad("guidance of a hook", type(guidance).__name__, "Normalized", remedy)
    return Normalized(parse_schedule(guidance) if isinstance(guidance, str) else guidance)


def as_text(guidance: Normalized) -> str:
    """Its weight as text, for the config of a hook; `as_normalized` reads it back.

    Raises:
        ValueError: If there is one weight for each sample.
    """
    if not isinstance(guidance.weight, Schedule):
        remedy = "A config cannot keep one weight for each sample."
        raise bad("guidance of a hook with a config", "one weight for each sample", "a number or a schedule", remedy)
    return str(guidance.weight)


def guided_logits(cond: Tensor, ref: Tensor, weight: float | Tensor, *, forbidden: Sequence[int] = ()) -> Tensor:
    r"""Logits of the guided law $q_w(y) \propto q_c(y)^{1+w} q_u(y)^{-w}$: $(1 + w) \log q_c - w \log q_u$.

    Logits in half precision are raised to float32. Rows with w = 0 are returned as they came. What only the reference
    forbids is not tilted. Source: the normalised mechanism of arXiv 2507.08965.

    Args:
        cond: Logits of the conditional prediction, [B, ..., V].
        ref: Those of the reference, of the same shape: the null condition, a negative prompt, a weaker model.
        weight: w: a number, or [B].
        forbidden: Columns that no guided row may draw, such as that of the mask. They are removed before the tilt.

    Returns:
        Logits [B, ..., V]; `cond` itself if every w is 0.

    Raises:
        ValueError: If the shapes differ, or a weight is not finite or below -1.

    >>> cond, ref = torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    >>> torch.softmax(guided_logits(cond, ref, 1.0), -1).allclose(torch.softmax(2 * cond - ref, -1))
    True
    >>> guided_logits(cond, ref, 0.0) is cond
    True
    """
    for name, value in (("conditional logits", cond), ("logits of the reference", ref)):
        if not (isinstance(value, Tensor) and value.dtype.is_floating_point and value.ndim):
            got = shown(value)
            raise bad(name, got, "a floating tensor [B, ..., V]", in_tensor(value))
    if not isinstance(weight, Real | Tensor) or isinstance(weight, bool):
        remedy = "Of a schedule: its mean over the noise levels of a step, schedule.average(low, high)."
        raise bad("weight", repr(weight), "a number, or one for each row", in_tensor(weight) or remedy)
    if cond.shape != ref.shape:
        raise bad("logits of the reference", list(ref.shape), f"{list(cond.shape)}, the shape of the conditional ones")
    rows = torch.as_tensor(weight, dtype=torch.float64, device=cond.device)
    if rows.shape not in ((), cond.shape[:1]):
        raise bad("weight", f"shape {list(rows.shape)}", f"a number, or one for each of {len(cond)} rows")
    rows = rows.expand(len(cond))
    if not bool((rows.isfinite() & (rows >= -1)).all()):
        raise bad("weight", rows.tolist(), "finite numbers of at least -1")
    none = rows == 0
    if bool(none.all()):
        return cond
    shape = (-1,) + (1,) * (cond.ndim - 1)
    law = _log_law(cond, forbidden)
    guided = tilt(law, _log_law(ref, forbidden), rows.to(law.dtype).view(shape))
    return torch.where(none.view(shape), cond.to(guided.dtype), guided) if bool(none.any()) else guided


def _log_law(logits: Tensor, forbidden: Sequence[int]) -> Tensor:
    """log-probabilities, in float32 at least, without the forbidden columns."""
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    if forbidden:
        logits = logits.index_fill(-1, torch.tensor(forbidden, device=logits.device), -math.inf)
    return normalise(logits)[0]
