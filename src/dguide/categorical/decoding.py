"""How a token is drawn from a guided law: temperature, truncation, forbidden tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from operator import index
from typing import Any

import torch
from torch import Tensor

from ..errors import Mistakes, bad, number, with_data

__all__ = ["Decoding"]


@dataclass(frozen=True)
class Decoding:
    r"""What is done to a law before a token is drawn from it, in this order.

    Forbidden tokens are removed from both predictions before they are tilted, so that $Z_w$ does not count them. The
    tilted law is taken to the power 1 / `temperature`, then cut to the `top_k` most probable tokens, then to the fewest
    most probable ones that together have `top_p` of what is left (Holtzman et al., "The Curious Case of Neural Text
    Degeneration", arXiv 1904.09751); tokens as probable as the last one kept are kept too. How fast positions leave is
    not touched. With temperature, top_k or top_p the samples follow another law than that of the guidance alone.

    Args:
        temperature: at least 0; 0 takes the most probable token.
        top_k: at least 1; None keeps all.
        top_p: in (0, 1]; None keeps all.
        forbidden: tokens that are never predicted. (The uniform process may pass through them as noise.)

    Raises:
        ValueError: for anything outside these ranges.

    >>> import dguide
    >>> dguide.Decoding(temperature=0.8, top_p=0.9).truncates
    True
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    forbidden: Sequence[int] = ()

    def __post_init__(self) -> None:
        mistakes = Mistakes()
        checks = {"temperature": _temperature, "top_k": _top_k, "top_p": _top_p, "forbidden": _forbidden}
        for name, check in checks.items():
            object.__setattr__(self, name, mistakes.of(partial(check, getattr(self, name))))
        mistakes.settle()

    @property
    def truncates(self) -> bool:
        """Whether tokens are cut off."""
        return self.top_k is not None or (self.top_p is not None and self.top_p < 1)

    @property
    def plain(self) -> bool:
        """Whether tokens are drawn from the law of the guidance itself."""
        return self.temperature == 1 and not self.truncates

    def truncated(self, law: Tensor) -> Tensor:
        """Probabilities [N, V] with those that are cut off set to zero; what is left does not add up to one."""
        if self.top_k is not None and self.top_k < law.shape[-1]:
            law = law * (law >= law.topk(self.top_k, -1).values[:, -1:])
        if self.top_p is not None and self.top_p < 1:
            falling = law.sort(-1, descending=True).values
            before = falling.cumsum(-1, dtype=torch.float64) - falling
            kept = (before < self.top_p * falling.sum(-1, keepdim=True, dtype=torch.float64)).sum(-1, keepdim=True)
            law = law * (law >= falling.gather(-1, kept.clamp_min(1) - 1))
        return law


def _temperature(value: Any) -> float:
    found = number("Decoding temperature", value)
    if not (math.isfinite(found) and found >= 0):
        raise bad("Decoding temperature", found, "a finite number of at least 0")
    return found


def _top_k(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise bad("Decoding top_k", repr(value), "an int of at least 1, or None")
    return None if value is None else int(value)


def _top_p(value: Any) -> float | None:
    found = None if value is None else number("Decoding top_p", value)
    if found is not None and not 0 < found <= 1:
        raise bad("Decoding top_p", found, "a number above 0 and up to 1, or None")
    return found


def _forbidden(value: Any) -> tuple[int, ...]:
    forbidden = with_data("Decoding forbidden", value)
    try:
        listed = list(forbidden.tolist() if isinstance(forbidden, Tensor) else forbidden)
        # A list of bools is more likely one for each token than the tokens 0 and 1.
        tokens = [-1 if isinstance(token, bool) else index(token) for token in listed]
    except TypeError:
        tokens = [-1]
    if any(token < 0 for token in tokens):
        raise bad("Decoding forbidden", repr(forbidden), "token numbers of at least 0")
    return tuple(sorted(set(tokens)))
