r"""What a guidance mechanism is: a rule that tilts the conditional law by a reference law with weight w.

Per position, with c the conditional and u the reference (unconditional, a negative prompt, a weaker model),

$$q_w(y) = q_c(y)^{1+w}\, q_u(y)^{-w} / Z_w, \qquad Z_w = \sum_y q_c(y)^{1+w}\, q_u(y)^{-w},$$

where $Z_w \ge 1$ for w >= 0, if the reference allows what the conditional does. w = 0 is the conditional model,
w = -1 the reference.
$\log Z_w = w\, D_{1+w}(q_c \Vert q_u)$ is a Renyi divergence, convex in w.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import torch
from torch import Tensor

from ..categorical import normalise, tilt
from ..errors import bad
from ..process import Jump
from .schedule import Constant, Schedule

__all__ = ["Guidance", "RateGuidance", "Step", "Transition", "normalise", "tilt", "unlanded"]


@dataclass(frozen=True)
class Transition:
    """The law of one position over one step.

    Attributes:
        log_stay: [N], log-probability that the token stays.
        log_landing: [N, V], law of the token it becomes, given that it leaves.
    """

    log_stay: Tensor
    log_landing: Tensor


@dataclass(frozen=True)
class Step:
    """One step of a sampler along a process, unguided: from a prediction to a jump, from a jump to a law.

    Attributes:
        intensity: turns a prediction [N, V] into the jump of the process over the step.
        leave: turns a jump into the law of the step.
    """

    intensity: Callable[[Tensor], Jump]
    leave: Callable[[Jump], Transition]

    def __call__(self, log_p: Tensor) -> Transition:
        """The law of the step for one prediction."""
        return self.leave(self.intensity(log_p))


def unlanded(log_intensity: Tensor) -> Jump:
    """A jump of which only the rate matters: a law of one column stands in for its landing."""
    return Jump(log_intensity, torch.zeros_like(log_intensity).unsqueeze(-1))


class Guidance(ABC):
    """A guidance mechanism with its weight.

    `weight` is a number, a `Schedule`, or a tensor [B] with one constant weight per sample; a number becomes a
    `Constant`. Raises `ValueError` for weights that are not finite or below -1.
    """

    weight: Schedule | Tensor
    level: ClassVar[str]
    """What it acts on: "clean prediction", "transition probabilities" or "rates"."""
    content_free: ClassVar[bool]
    """Whether the exit rate stays free of the prediction where the process's own is."""

    def _accept_weight(self) -> None:
        weight: object = self.weight
        if isinstance(weight, Schedule):
            return
        name = f"{type(self).__name__} weight"
        if isinstance(weight, Tensor) and weight.ndim == 1:
            value = weight.double()
            if not bool(torch.isfinite(value).all()) or bool((value < -1).any()):
                raise bad(name, weight.tolist(), "finite numbers of at least -1")
        elif isinstance(weight, bool) or not isinstance(weight, Real):
            raise bad(name, repr(weight), "a number, a schedule of dguide or a tensor [B]")
        elif not (math.isfinite(weight) and float(weight) >= -1):
            raise bad(name, weight, "a finite number of at least -1 (0 is the conditional model, -1 the reference)")
        else:
            value = Constant(float(weight))  # type: ignore[assignment]
        object.__setattr__(self, "weight", value)

    def weight_at(self, level: Tensor, sample: Tensor) -> Tensor:
        """w at noise `level` [N] for the samples with indices `sample` [N]."""
        if isinstance(self.weight, Constant):
            return torch.full_like(level, self.weight.weight, dtype=torch.float64)
        if isinstance(self.weight, Schedule):
            return self.weight(level)
        return self.weight.to(sample.device)[sample]

    def weights_below(self, level: Tensor, sample: Tensor) -> Tensor:
        """Values of w, [K, N], that say whether it is 0 (or -1) at all noise levels up to `level` [].

        Between its breakpoints w is monotone, so its values there and in the middle between them tell.
        """
        points = (0.0, *self.weight.breakpoints) if isinstance(self.weight, Schedule) else (0.0,)
        levels = torch.tensor(points, dtype=torch.float64, device=sample.device)
        levels = torch.cat((levels[levels < level], level.to(levels).view(1)))
        levels = torch.cat((levels, (levels[1:] + levels[:-1]) / 2))
        return torch.stack([self.weight_at(m.expand(len(sample)), sample) for m in levels])

    def weight_over(self, low: float | Tensor, high: float | Tensor, sample: Tensor) -> Tensor:
        """Mean of w over noise levels `low` to `high` ([N], or one for all), [N], for the samples `sample` [N]."""
        if isinstance(self.weight, Constant):
            return torch.full(sample.shape, self.weight.weight, dtype=torch.float64, device=sample.device)
        if isinstance(self.weight, Schedule):
            start, end = (torch.as_tensor(level, dtype=torch.float64) for level in (low, high))
            return self.weight.average(start, end).to(sample.device).expand(sample.shape)
        return self.weight.to(sample.device)[sample]

    def transition(self, cond: Tensor | None, ref: Tensor | None, weight: Tensor, step: Step) -> Transition:
        r"""The guided law of a step from the two predictions.

        Args:
            cond: $\log p(x_0 \mid x_t, c)$, [N, V]; None where every w is -1.
            ref: the same of the reference; None where every w is 0.
            weight: w, [N].
            step: what the process and the sampler make of one prediction.
        """
        if cond is None or ref is None:
            only = ref if cond is None else cond
            assert only is not None
            return step(only)
        return self._guided(cond, ref, weight, step)

    @abstractmethod
    def _guided(self, cond: Tensor, ref: Tensor, weight: Tensor, step: Step) -> Transition: ...

    @abstractmethod
    def log_stay(self, log_intensity: Tensor, log_z: Tensor, leave: Callable[[Jump], Transition]) -> Tensor:
        r"""log-probability to stay in a step in which both models leave at the same rate, as masks do, [N].

        The landing is $q_w$ then, and of the two predictions only $Z_w$ can matter to whether a token leaves.

        Args:
            log_intensity: log of the integrated exit rate of both models over the step, [N] or [].
            log_z: $\log Z_w$, [N].
            leave: what the sampler makes of a jump.
        """


class RateGuidance(Guidance):
    """A mechanism that acts on rates, and so has a meaning in continuous time: it combines two jumps into one."""

    level = "rates"

    def combine(self, cond: Jump, ref: Jump, weight: Tensor) -> Jump:
        r"""The guided jump: landing $q_w$, and an intensity made of $\lambda_c^{1+w} \lambda_u^{-w}$ and $Z_w$."""
        log_landing, log_z = normalise(tilt(cond.log_landing, ref.log_landing, weight.unsqueeze(-1)))
        return Jump(self.log_intensity(tilt(cond.log_intensity, ref.log_intensity, weight), log_z), log_landing)

    def _guided(self, cond: Tensor, ref: Tensor, weight: Tensor, step: Step) -> Transition:
        return step.leave(self.combine(step.intensity(cond), step.intensity(ref), weight))

    def log_stay(self, log_intensity: Tensor, log_z: Tensor, leave: Callable[[Jump], Transition]) -> Tensor:
        return leave(unlanded(self.log_intensity(log_intensity, log_z))).log_stay

    @abstractmethod
    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        """Guided log intensity from the `tilted` one of the two models and log Z_w, both [N]."""
