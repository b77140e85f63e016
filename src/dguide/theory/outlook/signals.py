r"""What two predictions at masked positions say of each other, and of themselves.

A network that predicts by one joint distribution gives a pair of tokens the same probability in both orders,

$$\log p_i(a) + \log p_j(b \mid a) = \log p_j(b) + \log p_i(a \mid b).$$

The difference of the two sides, the *inconsistency* $\delta$, is error and nothing else. If four log-probabilities have
independent errors of standard deviation $\sigma$, $\delta$ has $2 \sigma$. Errors that two predictions share appear in
both $\delta_c$ and $\delta_u$, and cancel in $\delta_c - \delta_u$. An error that is that of another joint distribution
is not seen.

Of this error the held-out tokens show a part. If the predictions are right, the log-ratio of the held-out token has the
mean that the conditional prediction claims,

$$E \log \frac{p_c(x^i)}{p_u(x^i)} = KL(p_c \Vert p_u).$$
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...categorical import draw, normalise, tilt
from ...denoiser import take
from ...samplers import Condition
from .contexts import Contexts
from .pair import Pair

__all__ = ["Pairs", "Singles"]


@dataclass(frozen=True, eq=False)
class Singles:
    """Of each masked position.

    Attributes:
        log_z: [N, M], log Z_w.
        claimed: [N, M], $KL(p_c \\Vert p_u)$ in nats.
        confirmed: [N, M], $\\log p_c(x) / p_u(x)$ of the held-out token x, in nats.
        cond, ref, guided: [N, K, V], log-probabilities at the first K masked positions.
    """

    log_z: Tensor
    claimed: Tensor
    confirmed: Tensor
    cond: Tensor
    ref: Tensor
    guided: Tensor

    @classmethod
    def of(
        cls, pair: Pair, contexts: Contexts, level: float, condition: Condition, weight: float, chosen: int
    ) -> Singles:
        """Asks for both predictions at all masked positions; `chosen` is K."""
        cond, ref = pair(contexts.tokens, level, condition, contexts.masked)
        guided, log_z = normalise(tilt(cond, ref, torch.tensor(weight, dtype=torch.float64)))
        ratio = (cond - ref).masked_fill(cond.isinf() | ref.isinf(), 0.0)
        claimed = (cond.exp() * ratio).sum(-1)
        confirmed = ratio.gather(-1, contexts.truth.unsqueeze(-1)).squeeze(-1)
        return cls(log_z, claimed, confirmed, cond[:, :chosen], ref[:, :chosen], guided[:, :chosen])


@dataclass(frozen=True, eq=False)
class Pairs:
    r"""Of each pair (i, j) of the chosen positions, in a context each. P is their number, N K (K - 1) / 2.

    Tokens a, b of a pair are drawn from $q_w$ of each position alone.

    Attributes:
        forth, back: [P], $q_j(b \mid a) / q_j(b)$ and $q_i(a \mid b) / q_i(a)$ of the tilted predictions: by how much
            either order makes a, b more probable than they are apart. Both have the mean 1, and half the mean of
            |forth - back| is the total variation between the two orders.
        prefers: [P], $\tfrac12 \tanh(|\log Z_i - \log Z_j| / 2)$, by how much `Unlocking` prefers one order.
        depends: [P], total variation between $q_j(\cdot \mid a)$ and $q_j$, mean of both directions.
        cond, ref: [P], the inconsistency of each prediction, in nats.
    """

    forth: Tensor
    back: Tensor
    prefers: Tensor
    depends: Tensor
    cond: Tensor
    ref: Tensor

    @classmethod
    def of(
        cls,
        pair: Pair,
        contexts: Contexts,
        singles: Singles,
        level: float,
        condition: Condition,
        weight: float,
        generator: torch.Generator,
    ) -> Pairs:
        """Fills each chosen position, and asks for both predictions at the others."""
        count, k, vocab = singles.guided.shape
        uniforms = torch.rand(count, k, generator=generator, dtype=torch.float64)
        token = draw(singles.guided.flatten(0, 1), uniforms.flatten()).view(count, k)
        rows, where = torch.arange(count).repeat_interleave(k), contexts.masked[:, :k].repeat_interleave(k, 0)
        filled = contexts.filled(token).flatten(0, 1)
        cond, ref = (
            law.view(count, k, k, vocab) for law in pair(filled, level, take(condition, rows), where)
        )  # [n, i, j]: position j where i is filled
        guided = normalise(tilt(cond, ref, torch.tensor(weight, dtype=torch.float64)))[0]
        moved = (guided.exp() - singles.guided.exp().unsqueeze(1)).abs().sum(-1) / 2
        gains = [
            _gain(after, before, token)
            for after, before in ((cond, singles.cond), (ref, singles.ref), (guided, singles.guided))
        ]
        i, j = torch.triu_indices(k, k, 1)
        delta_cond, delta_ref = ((gain[:, i, j] - gain[:, j, i]).flatten() for gain in gains[:2])
        ratio = gains[2].exp()
        lead = (singles.log_z[:, i] - singles.log_z[:, j]).abs() / 2
        return cls(
            ratio[:, i, j].flatten(),
            ratio[:, j, i].flatten(),
            (torch.tanh(lead) / 2).flatten(),
            ((moved[:, i, j] + moved[:, j, i]) / 2).flatten(),
            delta_cond,
            delta_ref,
        )


def _gain(after: Tensor, before: Tensor, token: Tensor) -> Tensor:
    """log p_j(b | a) - log p_j(b), [N, K, K] at (i, j), of laws with i filled [N, K, K, V] and without [N, K, V]."""
    column = token.unsqueeze(-1)
    at = after.gather(-1, token.unsqueeze(1).unsqueeze(-1).expand(*after.shape[:3], 1)).squeeze(-1)
    return at - before.gather(-1, column).squeeze(-1).unsqueeze(1)
