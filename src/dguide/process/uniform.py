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
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import bad
from ..noise import Linear, Noise
from .base import PREDICTIONS, Prediction, Process, over_positions
from .floored import Floored, Jump

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
    always_movable = True
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

    def rates(self, tokens: Tensor, time: Tensor, log_p: Tensor) -> Jump:
        return self._rates(time, log_p).jump(tokens, log_p)

    def posterior(self, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        return self._posterior(time, earlier, log_p).jump(tokens, log_p)

    def floored_rates(self, time: Tensor, like: Tensor) -> Floored | None:
        return self._rates(time, like)

    def floored_posterior(self, time: Tensor, earlier: Tensor, like: Tensor) -> Floored | None:
        return self._posterior(time, earlier, like)

    def _rates(self, time: Tensor, like: Tensor) -> Floored:
        r"""$s_y / (\alpha V) = (p_y + R / k) / m$."""
        log_alpha, log_m = self._levels(time, like)
        return self._floored(-log_m, log_m - log_alpha - math.log(self.vocab_size), log_alpha, log_m)

    def _posterior(self, time: Tensor, earlier: Tensor, like: Tensor) -> Floored:
        log_alpha, log_m = self._levels(time, like)
        log_alpha_s, log_m_s = self._levels(earlier, like)
        log_v, log_step = math.log(self.vocab_size), self.log_width(time, earlier, like)
        form = self._floored(log_step - log_m, log_m_s - log_alpha_s - log_v, log_alpha, log_m)
        # P(stay) as a sum of positive terms.
        log_kept = torch.logaddexp(log_alpha + log_v, log_step) - log_alpha_s
        log_spread = torch.logaddexp(log_alpha + log_v, log_m)  # log(V alpha_t + m_t)
        here = log_kept + torch.logaddexp(log_alpha_s, log_m_s - log_v) - log_spread
        return replace(form, log_stay=(here, log_kept + log_m_s - log_v - log_m))

    def _floored(self, log_scale: Tensor, log_share: Tensor, log_alpha: Tensor, log_m: Tensor) -> Floored:
        """Rates with a floor in proportion to R, which every ratio of marginals has, even of a token with p_y = 0."""
        log_k1 = self._log_k1(log_alpha, log_m)
        told = self.prediction == "posterior"
        return Floored(self.vocab_size, log_scale, log_share, -log_k1, torch.zeros_like(log_k1) if told else log_k1)

    def _log_k1(self, log_alpha: Tensor, log_m: Tensor) -> Tensor:
        """log(1 + k): 0 for noise, infinite for data."""
        return torch.logaddexp(log_alpha + math.log(self.vocab_size), log_m) - log_m

    def as_posterior(self, log_q: Tensor, tokens: Tensor, time: Tensor) -> Tensor:
        if self.prediction == "posterior":
            return log_q
        levels = self._levels(over_positions(time, tokens), log_q.new_zeros((), dtype=torch.float64))
        return _told(log_q, tokens, self._log_k1(*levels).to(log_q.dtype))

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
        form = self._rates(time, log_p)
        certain = torch.full_like(log_p, -math.inf).scatter(-1, clean.unsqueeze(-1), 0.0)
        model, true = form.log_rates(noisy, log_p), form.log_rates(noisy, certain)
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
