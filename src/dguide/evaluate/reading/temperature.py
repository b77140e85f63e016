"""The temperature of a reading: how much less sure its probabilities should be."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...devices import on_cpu
from ..statistics.estimate import Estimate
from ..statistics.variance import t_quantile
from .classes import Reading, check_labels

__all__ = ["MISTAKES", "fit_temperature", "temperature_estimate"]

MISTAKES = 5
"""With fewer misread sequences, no temperature is fitted."""
_HOTTEST, _COLDEST = 1e4, 1e-2
_WIDTH = 1.0
"""Standard deviation of the logarithm of the temperature beforehand: T from 0.14 to 7 in 95 %."""


@on_cpu
def fit_temperature(reading: Reading, labels: Tensor) -> float:
    r"""The most probable temperature T, where log T has a normal law with mean 0 and standard deviation 1 beforehand.

    With $\beta = 1 / T$ it maximises $\sum_n \log p_\beta(y_n \mid x_n) - \frac12 (\log \beta)^2$, where $y_n$ is the
    true class. Bisection in $\log \beta$ gives the root of the slope, whose part for sequence n is
    $s_n = \beta (E_{p_\beta(c \mid x_n)}[\mathrm{nats}_{n c}] - \mathrm{nats}_{n y_n})$. Without the law beforehand, T
    would tend to 0 wherever all sequences are read right. With hundreds of sequences it changes T by little. Use
    different sequences for the fit and for the evaluation.

    Source: Guo et al. (arXiv 1706.04599, section 4.2), there for all logits and without a law beforehand; here the
    prior of the classes does not change.

    Args:
        reading: The reading of N sequences.
        labels: Their true classes, [N].

    Raises:
        ValueError: If there is not one class for each sequence.
    """
    check_labels(labels, len(reading.nats), reading.nats.shape[1])
    nats = reading.nats - reading.nats.amin(-1, keepdim=True)
    low, high = -math.log(_HOTTEST), -math.log(_COLDEST)
    for _ in range(60):
        middle = (low + high) / 2
        slope = float(_slopes(reading, nats, labels, middle)[0].sum()) - middle / _WIDTH**2
        low, high = (middle, high) if slope > 0 else (low, middle)
    return math.exp(-(low + high) / 2)


@on_cpu
def temperature_estimate(reading: Reading, labels: Tensor) -> Estimate:
    r"""`fit_temperature` with a 95 % interval of the T at which log loss is least over all sequences of the source.

    The interval is $\log T \pm t \sigma$, where $\sigma^2 = J / H^2$. H is minus the slope of $\sum_n s_n$ minus
    $\log \beta$, and J the larger of the sum of the squares of $s_n$ around their mean and of its value if the
    probabilities at T were true. Misread sequences decide, so t is the quantile of Student's law with one degree of
    freedom less than there are misread sequences. With fewer than five of them there is no temperature, and it is nan.

    Source: White, "Maximum likelihood estimation of misspecified models", Econometrica 50, 1982, for J and H; the
    larger J and Student's law are from simulations (studies/coverage).

    Args:
        reading: The reading of N sequences.
        labels: Their true classes, [N].

    Raises:
        ValueError: As in `fit_temperature`.
    """
    check_labels(labels, len(reading.nats), reading.nats.shape[1])
    wrong = int((reading.tempered(1.0).predicted != labels).sum())
    if wrong < MISTAKES:
        return Estimate("temperature", math.nan, math.nan, math.nan, len(labels))
    value = fit_temperature(reading, labels)
    nats = reading.nats - reading.nats.amin(-1, keepdim=True)
    slopes, variances = _slopes(reading, nats, labels, -math.log(value))
    bend = float(variances.sum() - slopes.sum()) + 1 / _WIDTH**2
    scatter = max(float((slopes - slopes.mean()).square().sum()), float(variances.sum()))
    reach = t_quantile(wrong - 1) * math.sqrt(scatter) / bend
    low, high = value * math.exp(-reach), value * math.exp(reach)
    return Estimate("temperature", value, low, high, len(labels))


def _slopes(reading: Reading, nats: Tensor, labels: Tensor, log_beta: float) -> tuple[Tensor, Tensor]:
    """Slope of the log-probability of each true class in log beta, and variance of that slope if beta is true, [N]."""
    beta = math.exp(log_beta)
    probs = torch.softmax(reading.log_prior - beta * nats, -1)
    mean = (probs * nats).sum(-1)
    own = nats.gather(-1, labels[:, None]).squeeze(-1)
    spread = (probs * (nats - mean[:, None]).square()).sum(-1)
    return beta * (mean - own), beta * beta * spread
