r"""The masked (absorbing) process.

$$q(x_t \mid x_0) = \alpha(t)\, 1[x_t = x_0] + (1 - \alpha(t))\, 1[x_t = \text{mask}].$$

Reversed, a masked position has the exit rate $\lambda = -\alpha'(t) / (1 - \alpha(t))$, which is $1/m$ per unit of
noise level, whatever the network predicts, and lands on $p(x_0 \mid x_t)$. A decided token never moves again.

Sources: Austin et al. (D3PM, arXiv 2107.03006); Sahoo et al. (MDLM, arXiv 2406.07524), Shi et al. (arXiv 2406.04329)
for the ELBO.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import bad
from ..noise import Linear, Noise
from .base import Process, over_positions
from .floored import Jump

__all__ = ["Masked"]


@dataclass(frozen=True)
class Masked(Process):
    """Tokens are hidden behind one mask token.

    Args:
        vocab_size: V, the number of logit columns.
        mask_id: one of the columns (as in BERT-like vocabularies; its logit is then ignored), or V itself, a token that
            the network reads but does not predict. Default: V.
        noise: the schedule $\\alpha(t)$.

    >>> import dguide
    >>> process = dguide.Masked(vocab_size=16)
    >>> process.mask_id, process.input_size
    (16, 17)
    """

    vocab_size: int
    mask_id: int = None  # type: ignore[assignment]
    noise: Noise = Linear()

    name = "masked"
    prediction_free_rate = True
    time_agnostic = True
    point_mass = True
    absorbing = True
    hides_alone = True
    finite_level = 1.0

    def __post_init__(self) -> None:
        self._check()
        if self.mask_id is None:
            object.__setattr__(self, "mask_id", self.vocab_size)
        if (
            isinstance(self.mask_id, bool)
            or not isinstance(self.mask_id, int)
            or not 0 <= self.mask_id <= self.vocab_size
        ):
            raise bad(
                "Masked mask_id",
                repr(self.mask_id),
                f"an int from 0 to vocab_size = {self.vocab_size}",
                "It is one of the logit columns, or vocab_size for a token that is read but never predicted.",
            )
        if self.mask_id == 0 and self.vocab_size == 1:
            raise bad("Masked", "vocab_size 1 with the mask as its only token", "at least one token to predict")

    @property
    def input_size(self) -> int:
        return self.vocab_size + (self.mask_id == self.vocab_size)

    def prior(self, uniforms: Tensor) -> Tensor:
        return torch.full(uniforms.shape, self.mask_id, dtype=torch.int64, device=uniforms.device)

    def corrupt(self, clean: Tensor, time: Tensor, uniforms: Tensor) -> Tensor:
        level = self.noise.level(over_positions(time, clean))
        return torch.where(uniforms[..., 0] < level, self.mask_id, clean)

    def kernel(self, time: float) -> Tensor:
        t = torch.tensor(time, dtype=torch.float64)
        kernel = self.noise.alpha(t) * torch.eye(self.vocab_size, self.input_size, dtype=torch.float64)
        kernel[:, self.mask_id] += self.noise.level(t)
        return kernel

    @property
    def excluded(self) -> tuple[int, ...]:
        return () if self.mask_id == self.vocab_size else (self.mask_id,)

    def movable(self, tokens: Tensor) -> Tensor:
        return tokens == self.mask_id

    def unfinished(self, tokens: Tensor) -> Tensor:
        return tokens == self.mask_id

    def rates(self, tokens: Tensor, time: Tensor, log_p: Tensor) -> Jump:
        log_m = self._levels(time, log_p)[1]
        return Jump(torch.where(tokens == self.mask_id, -log_m, -math.inf), log_p)

    def posterior(self, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        log_m = self._levels(time, log_p)[1]
        share = torch.exp(self.log_width(time, earlier, log_p) - log_m)  # 1 - m_s / m_t
        far = log_m - self._levels(earlier, log_p)[1]
        log_intensity = torch.where(share < 0.5, -torch.log1p(-share), far).log()
        return Jump(torch.where(tokens == self.mask_id, log_intensity, -math.inf), log_p)

    def propagated(self, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Tensor:
        return log_p  # a mask is as likely whatever is behind it

    def elbo(self, log_p: Tensor, clean: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        log_m = self._levels(over_positions(time, clean), log_p)[1]
        surprise = -log_p.gather(-1, clean.unsqueeze(-1)).squeeze(-1)
        return torch.where(noisy == self.mask_id, surprise * torch.exp(-log_m), 0.0)
