r"""What the rates of two predictions say of each other, and of themselves.

**Two orders.** The reverse rate of a jump is a forward rate, which depends on the two tokens alone, times a ratio of
marginals, $p_t(x^{i \leftarrow a}) / p_t(x)$. Along two jumps the ratios multiply to
$p_t(x^{i \leftarrow a, j \leftarrow b}) / p_t(x)$, whichever comes first. So the rates of one distribution obey

$$\log r_i(a \mid x) + \log r_j(b \mid x^{i \leftarrow a}) = \log r_j(b \mid x) + \log r_i(a \mid x^{j \leftarrow b}),$$

all at one time t. For masks r is the prediction p, up to a factor that cancels. For the uniform process
$p(x_0^i \mid x_t)$ does not obey such an equation, and the rates that follow from it do.

The difference of the two sides, the *inconsistency* $\delta$, is error and nothing else. If four log-rates have
independent errors of standard deviation $\sigma$, $\delta$ has $2 \sigma$. Errors that two predictions share appear in
both $\delta_c$ and $\delta_u$, and cancel in $\delta_c - \delta_u$. An error that is that of another joint distribution
is not seen.

**Evidence.** Of this error the held-out tokens show a part. Let $r_0$ be the rates of a prediction that knows $x_0$.
Under c, their mean given $x_t$ is $r_c$, if c is right. So

$$E \Big[ \sum_y r_0(y) \log \frac{r_c(y)}{r_u(y)} - \lambda_c + \lambda_u \Big]
= E \Big[ \sum_y r_c(y) \log \frac{r_c(y)}{r_u(y)} - \lambda_c + \lambda_u \Big].$$

The left side is what held-out tokens confirm, the difference of the two integrands of the ELBO. The right side is what
the conditional prediction claims: the rate at which the laws of the two reverse processes part. For each jump this is
the divergence of its landing and of its waiting time, $KL(q_c \Vert q_u) + KL(\text{Exp}(\lambda_c) \Vert
\text{Exp}(\lambda_u))$. For a mask it is $KL(p_c \Vert p_u)$, and $\log p_c(x_0) / p_u(x_0)$ is confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...categorical import draw
from ...denoiser import take
from ...samplers import Condition
from .contexts import Contexts
from .pair import Pair
from .rates import Rates, log_rates

__all__ = ["Pairs", "Singles"]


@dataclass(frozen=True, eq=False)
class Singles:
    """Of each position that can jump.

    Attributes:
        rates: at each, [N, M].
        exits: [N, M], $\\lambda_c$, by which a position counts: means over positions are then means over jumps.
        claimed: [N, M], nats of evidence for the condition per unit of noise level, by the conditional prediction.
        confirmed: [N, M], the same by the held-out tokens.
    """

    rates: Rates
    exits: Tensor
    claimed: Tensor
    confirmed: Tensor

    @classmethod
    def of(cls, pair: Pair, contexts: Contexts, condition: Condition, weight: float) -> Singles:
        """Asks for both predictions at all positions that can jump."""
        rates = Rates.of(pair.process, contexts, pair(contexts, condition), weight)
        known = torch.full_like(rates.log_p[0], -torch.inf).scatter(-1, contexts.truth.unsqueeze(-1), 0.0)
        true = log_rates(pair.process.rates(contexts.here, contexts.time, known))
        cond, ref = log_rates(rates.cond), log_rates(rates.ref)
        ratio = (cond - ref).masked_fill(cond.isinf() | ref.isinf(), 0.0)
        exits = rates.cond.log_intensity.exp()
        fewer = rates.ref.log_intensity.exp() - exits
        claimed, confirmed = ((rate.exp() * ratio).sum(-1) + fewer for rate in (cond, true))
        return cls(rates, exits, claimed, confirmed)


@dataclass(frozen=True, eq=False)
class Pairs:
    r"""Of each pair (i, j) of the chosen positions, in a context each. P is their number, N K (K - 1) / 2.

    Tokens a, b of a pair are drawn from $q_w$ of each position alone.

    Attributes:
        forth, back: [P], $q_j(b \mid a) / q_j(b)$ and $q_i(a \mid b) / q_i(a)$ of the tilted landings: by how much
            either order makes a, b more probable than they are apart. Both have the mean 1, and half the mean of
            |forth - back| is the total variation between the two orders.
        prefers: [P], by how much `Unlocking` lets one of them leave first more often than `Normalized` does,
            $|P_U(i\ \text{first}) - P_N(i\ \text{first})|$ by their exit rates. Where `Normalized` has equal rates it
            is $\tfrac12 \tanh(|\log Z_i - \log Z_j| / 2)$.
        depends: [P], by how much the next jump of j under `Normalized` is another one after that of i: total variation
            between what happens to j at the pace of the greater of its two exit rates; mean of both directions. Where
            the rates are equal it is that between $q_j(\cdot \mid a)$ and $q_j$.
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
        rates: Rates,
        condition: Condition,
        weight: float,
        generator: torch.Generator,
    ) -> Pairs:
        """Lets each of the chosen positions [N, K] of `contexts` jump, and asks for both predictions at the others."""
        count, k = rates.log_z.shape
        uniforms = torch.rand(count, k, generator=generator, dtype=torch.float64)
        token = draw(rates.guided.log_landing.flatten(0, 1), uniforms.flatten()).view(count, k)
        jumped = contexts.jumped(token)
        law = pair(jumped, take(condition, torch.arange(count).repeat_interleave(k)))
        after = Rates.of(pair.process, jumped, law, weight)  # row (n, i), column j: position j where i has jumped
        i, j = torch.triu_indices(k, k, 1)

        def gain(later: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
            """By how much a jump of one is likelier after that of the other: of j after i, and of i after j."""
            gained = _at(later, token.repeat_interleave(k, 0)).view(count, k, k) - _at(before, token).unsqueeze(1)
            return gained[:, i, j].flatten(), gained[:, j, i].flatten()

        forth, back = (each.exp() for each in gain(after.guided.log_landing, rates.guided.log_landing))
        delta_cond, delta_ref = (
            one - two
            for one, two in (
                gain(log_rates(after.cond), log_rates(rates.cond)),
                gain(log_rates(after.ref), log_rates(rates.ref)),
            )
        )
        moved = _moved(after, rates).view(count, k, k)
        depends = (moved[:, i, j] + moved[:, j, i]) / 2
        return cls(forth, back, _prefers(rates, i, j).flatten(), depends.flatten(), delta_cond, delta_ref)


def _at(law: Tensor, tokens: Tensor) -> Tensor:
    """Entries of `law` [..., V] at `tokens` [...]."""
    return law.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def _prefers(rates: Rates, i: Tensor, j: Tensor) -> Tensor:
    """|P(i first) under `Unlocking` minus that under `Normalized`|, [N, P]."""
    lead = rates.guided.log_intensity[:, i] - rates.guided.log_intensity[:, j]
    further = rates.log_z[:, i] - rates.log_z[:, j]
    return (torch.sigmoid(lead + further) - torch.sigmoid(lead)).abs()


def _moved(after: Rates, before: Rates) -> Tensor:
    """Total variation between the next events of a position, [N K, K], at the pace of its greater exit rate."""
    count, k = before.log_z.shape
    rate, was = (
        each.log_intensity.view(count, -1, k) for each in (after.guided, before.guided)
    )  # [N, K, K] and [N, 1, K]
    top = torch.maximum(rate, was)
    share, share_was = (rate - top).exp(), (was - top).exp()
    law, law_was = (
        each.log_landing.exp().view(count, -1, k, each.log_landing.shape[-1]) for each in (after.guided, before.guided)
    )
    apart = (share.unsqueeze(-1) * law - share_was.unsqueeze(-1) * law_was).abs().sum(-1)
    return (apart + (share - share_was).abs()) / 2
