r"""The uniform process: $q(x_t \mid x_0) = \alpha(t)\, 1[x_t = x_0] + (1 - \alpha(t)) / V$.

With $m = 1 - \alpha$, $k = \alpha V / m$ and $p = p(x_0^i = \cdot \mid x_t)$, the ratio of marginals
$p_t(x^{i \leftarrow y}) / p_t(x)$ is, as a sum of positive terms,

$$s_y = k\, p_y + R, \qquad R = \sum_{z \ne x_i} p_z + \frac{p_{x_i}}{1 + k},$$

and the reverse rate per unit of noise level is $r(y) = s_y / (\alpha V)$ for $y \ne x_i$.

A network predicts p itself, or the leave-one-out law $l(z) = p(x_0^i = z \mid x_t \text{ without position } i)$. The
token at position i is independent noise given $x_0^i$, so that by Bayes' rule

$$p(z) \propto l(z)\, q(x_t^i \mid z) \propto l(z)\, (1 + k\, 1[z = x_t^i]).$$

Both laws give the same rates, and guidance tilts rates. So it does not matter to any result which of the two a network
predicts, but it must be known.

Sources: Austin et al. (D3PM, arXiv 2107.03006); Lou et al. (SEDD, arXiv 2310.16834) for the ratios; Schiff et al.
(UDLM, arXiv 2412.10193) for the continuous-time ELBO; arXiv 2605.22765 for the leave-one-out law, which UDLM and Duo
learn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import bad
from ..noise import Linear, Noise
from .base import PREDICTIONS, Jump, Prediction, Process, excluded_logsumexp, over_positions

__all__ = ["Uniform"]


@dataclass(frozen=True)
class Uniform(Process):
    r"""Tokens are replaced by tokens drawn uniformly from the vocabulary.

    Args:
        vocab_size: V, the number of tokens and of logit columns.
        noise: the schedule $\alpha(t)$.
        prediction: the law that the network predicts. "posterior" is $p(x_0^i \mid x_t)$: networks trained by
            cross-entropy, those of `dguide train`. "leave-one-out" is
            $p(x_0^i \mid x_t \text{ without position } i)$: networks trained through the plug-in bridge, UDLM and Duo
            (arXiv 2605.22765). It is converted exactly (`as_posterior`).

    Raises:
        ValueError: if an argument is of another kind.

    >>> import dguide
    >>> dguide.Uniform(vocab_size=4).kernel(1.0)[0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    >>> process, half = dguide.Uniform(vocab_size=4, prediction="leave-one-out"), torch.tensor([0.5])
    >>> process.log_posterior(torch.zeros(1, 4), torch.tensor([2]), half).exp()  # k = 4: the token weighs 1 + k
    tensor([[0.1250, 0.1250, 0.6250, 0.1250]])
    """

    vocab_size: int
    noise: Noise = Linear()
    prediction: Prediction = "posterior"

    name = "uniform"
    prediction_free_rate = False
    time_agnostic = False
    point_mass = False
    absorbing = False
    finite_level = 1 - 1e-3

    def __post_init__(self) -> None:
        self._check()
        if self.prediction not in PREDICTIONS:
            raise bad("Uniform prediction", repr(self.prediction), " or ".join(map(repr, PREDICTIONS)))

    @property
    def input_size(self) -> int:
        return self.vocab_size

    def prior(self, uniforms: Tensor) -> Tensor:
        return (uniforms * self.vocab_size).long().clamp_max(self.vocab_size - 1)

    def corrupt(self, clean: Tensor, time: Tensor, uniforms: Tensor) -> Tensor:
        level = self.noise.level(over_positions(time, clean))
        return torch.where(uniforms[..., 0] < level, self.prior(uniforms[..., 1]), clean)

    def kernel(self, time: float) -> Tensor:
        t = torch.tensor(time, dtype=torch.float64)
        return self.noise.alpha(t) * torch.eye(self.vocab_size, dtype=torch.float64) + (
            self.noise.level(t) / self.vocab_size
        )

    def movable(self, tokens: Tensor) -> Tensor:
        return torch.ones_like(tokens, dtype=torch.bool)

    def unfinished(self, tokens: Tensor) -> Tensor:
        return torch.zeros_like(tokens, dtype=torch.bool)

    def _log_floor(self, log_p_here: Tensor, log_rest: Tensor, log_alpha: Tensor, log_m: Tensor) -> Tensor:
        """log R: what every ratio of marginals has, even that of a token with p_y = 0."""
        log_k1 = torch.logaddexp(log_alpha + math.log(self.vocab_size), log_m) - log_m
        return torch.logaddexp(log_rest, log_p_here - log_k1)

    def rates(self, tokens: Tensor, time: Tensor, log_p: Tensor) -> Jump:
        return self._jump(tokens, self._log_rates(tokens, time, log_p))

    def _log_rates(self, tokens: Tensor, time: Tensor, log_p: Tensor) -> Tensor:
        """log(s_y / (alpha V)) for every y; the column of the present token means nothing."""
        log_alpha, log_m = self._levels(time, log_p)
        here = log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
        floor = self._log_floor(here, excluded_logsumexp(log_p, tokens)[0], log_alpha, log_m)
        return torch.logaddexp(
            log_p - log_m.unsqueeze(-1), (floor - log_alpha - math.log(self.vocab_size)).unsqueeze(-1)
        )

    def posterior(self, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        log_alpha, log_m = self._levels(time, log_p)
        log_alpha_s, log_m_s = self._levels(earlier, log_p)
        log_v = math.log(self.vocab_size)
        log_rest, rest = excluded_logsumexp(log_p, tokens)
        here = log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
        floor = self._log_floor(here, log_rest, log_alpha, log_m) + log_m_s - log_alpha_s - log_v
        log_step = self.log_width(time, earlier, log_p)
        jump = self._jump(tokens, torch.logaddexp(rest, floor.unsqueeze(-1)) + (log_step - log_m).unsqueeze(-1))
        # P(stay) as a sum of positive terms: precise where it is small; 1 - P(leave) is where it is close to one.
        log_spread = torch.logaddexp(log_alpha + log_v, log_m)  # log(V alpha_t + m_t)
        log_stay = (
            torch.logaddexp(log_alpha + log_v, log_step)
            - log_alpha_s
            + torch.logaddexp(
                here + torch.logaddexp(log_alpha_s, log_m_s - log_v) - log_spread, log_m_s + log_rest - log_v - log_m
            )
        )
        leave = torch.exp(jump.log_intensity)
        exit_rate = torch.where(leave < 0.5, -torch.log1p(-leave.clamp_max(0.5)), -log_stay)
        return Jump(exit_rate.log(), jump.log_landing)

    def _jump(self, tokens: Tensor, log_rates: Tensor) -> Jump:
        log_total, log_rates = excluded_logsumexp(log_rates, tokens)
        stuck = torch.isneginf(log_total).unsqueeze(-1)  # nothing to leave for: any law will do, it is never drawn
        return Jump(log_total, log_rates - torch.where(stuck, 0.0, log_total.unsqueeze(-1)))

    def as_posterior(self, log_q: Tensor, tokens: Tensor, time: Tensor) -> Tensor:
        if self.prediction == "posterior":
            return log_q
        log_alpha, log_m = self._levels(over_positions(time, tokens), log_q.new_zeros((), dtype=torch.float64))
        log_k = log_alpha + math.log(self.vocab_size) - log_m
        evidence = torch.logaddexp(log_k, torch.zeros_like(log_k))  # log(1 + k): 0 for noise, infinite for data
        return _told(log_q, tokens, evidence.to(log_q.dtype))

    def propagated(self, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Tensor:
        (log_alpha, log_m), (log_alpha_s, log_m_s) = (self._levels(t, log_p) for t in (time, earlier))
        log_v = math.log(self.vocab_size)
        # From q(x_t | x_0) to q(x_s | x_0) where x_0 is the token itself, against where it is another.
        gain = torch.logaddexp(log_alpha_s + log_v, log_m_s) - torch.logaddexp(log_alpha + log_v, log_m)
        return _told(log_p, tokens, gain - (log_m_s - log_m))

    def elbo(self, log_p: Tensor, clean: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        r"""$\sum_{y \ne x} [\hat r(y) - r(y) + r(y) \log (r(y) / \hat r(y))]$: the rate of growth of the divergence
        between the path of the true reverse process, which knows $x_0$ (rates r), and the model's ($\hat r$)."""
        time = over_positions(time, clean)
        model = self._log_rates(noisy, time, log_p)
        certain = torch.full_like(log_p, -math.inf).scatter(-1, clean.unsqueeze(-1), 0.0)
        true = self._log_rates(noisy, time, certain)
        gap = model - true
        terms = torch.exp(true) * (torch.expm1(gap) - gap)  # r (e^g - 1 - g), g = log(r_hat / r)
        return terms.scatter(-1, noisy.unsqueeze(-1), 0.0).sum(-1)


def _told(log_p: Tensor, tokens: Tensor, evidence: Tensor) -> Tensor:
    """A law [..., V] after evidence for `tokens` [...], as the log of a likelihood ratio [...]: 0 to infinite.

    The evidence is taken from all other tokens, so that an infinite one leaves a law. A token of probability 0 has it
    for good.
    """
    column = tokens.unsqueeze(-1)
    here = log_p.gather(-1, column)
    evidence = torch.where(here.isneginf(), 0.0, evidence.unsqueeze(-1))
    return torch.log_softmax((log_p - evidence).scatter(-1, column, here), -1)
