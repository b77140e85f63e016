r"""Finite scalar quantisation: a code is a tuple of small integers, so no table of codes has to be learnt.

Channel i of a latent is bounded and rounded to one of $L_i$ levels,

$$k_i = \mathrm{round}\Big(\tfrac{L_i - 1}{2} (1 + \tanh z_i)\Big), \qquad \hat z_i = \frac{2 k_i}{L_i - 1} - 1,$$

and the token is the number with digits $k_i$ in the mixed base $L_1, L_2, \dots$, so there are $V = \prod_i L_i$ codes.
The gradient passes the rounding as if it were not there. Source: Mentzer, Minnen, Agustsson and Tschannen, arXiv
2309.15505; without its shift of z, which a bias before it can learn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import bad

__all__ = ["FSQ", "LEVELS", "levels_of"]

LEVELS: dict[int, tuple[int, ...]] = {
    math.prod(levels): levels
    for levels in ((8, 8), (8, 6, 5), (8, 8, 8), (8, 5, 5, 5), (7, 5, 5, 5, 5), (8, 8, 8, 6, 5), (8, 8, 8, 5, 5, 5))
}
"""Levels by number of codes: table 1 of the paper, and 64 and 512 by its rule of at least 5 levels a channel."""
_MOST = 2**20
"""The most codes."""


def levels_of(codes: int) -> tuple[int, ...]:
    """The levels for a number of codes. Raises `InputError` with the list if there are none for it."""
    if codes not in LEVELS:
        known = ", ".join(f"{number} ({' x '.join(map(str, levels))})" for number, levels in LEVELS.items())
        near = min(LEVELS, key=lambda number: abs(math.log(number / max(codes, 1))))
        raise bad("codes", codes, f"one of {known}", f"The nearest is {near}.")
    return LEVELS[codes]


@dataclass(frozen=True)
class FSQ:
    """The quantiser with these levels. Channels are the third dimension from the end.

    Raises:
        ValueError: If there is no channel, one of fewer than 2 levels, or more than 2^20 codes.
    """

    levels: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.levels or min(self.levels) < 2 or math.prod(self.levels) > _MOST:
            expected = f"at least one number of at least 2, with a product of at most {_MOST:,}"
            raise bad("levels", list(self.levels), expected)

    @property
    def codes(self) -> int:
        """Number V of codes."""
        return math.prod(self.levels)

    def quantise(self, latent: Tensor) -> Tensor:
        """The nearest values, [..., D, H, W] in [-1, 1], with the gradient of the values before rounding."""
        bounded = torch.tanh(latent)
        return bounded + (self._values(self._digits(latent)) - bounded).detach()

    def tokens(self, latent: Tensor) -> Tensor:
        """The codes of latents [..., D, H, W]: int64 [..., H, W]."""
        return (self._digits(latent).long() * self._bases(latent)).sum(-3)

    def values(self, tokens: Tensor) -> Tensor:
        """The values [..., D, H, W] of codes [..., H, W]."""
        digits = tokens.unsqueeze(-3) // self._bases(tokens) % self._sides(tokens).long()
        return self._values(digits.float())

    def _digits(self, latent: Tensor) -> Tensor:
        return torch.round((self._sides(latent) - 1) / 2 * (1 + torch.tanh(latent)))

    def _values(self, digits: Tensor) -> Tensor:
        return 2 * digits / (self._sides(digits) - 1) - 1

    def _sides(self, like: Tensor) -> Tensor:
        """The levels as a column of channels."""
        return _column(self.levels, like).float()

    def _bases(self, like: Tensor) -> Tensor:
        """What a digit counts: the product of the levels before it."""
        return _column([math.prod(self.levels[:index]) for index in range(len(self.levels))], like)


def _column(numbers: Sequence[int], like: Tensor) -> Tensor:
    return torch.tensor(numbers, device=like.device).view(-1, 1, 1)
