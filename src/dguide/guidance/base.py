r"""What a guidance mechanism is: a rule that combines a conditional and a reference prediction with weight w.

Per position, let c be the law of the landing under the condition and u that under the reference (no condition, a
negative prompt, a weaker model). Guidance draws from the tilted law

$$q_w(y) = q_c(y)^{1+w}\, q_u(y)^{-w} / Z_w, \qquad Z_w = \sum_y q_c(y)^{1+w}\, q_u(y)^{-w}.$$

w = 0 is the conditional model, w = -1 the reference. The partition function $Z_w$ is at least 1 for w >= 0, if the
reference allows what the conditional does. $\log Z_w = w\, D_{1+w}(q_c \Vert q_u)$ is a Renyi divergence times w, and
convex in w (arXiv 2406.01572, 2507.08965).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, TypeAlias, TypeVar

import torch
from torch import Tensor

from ..categorical import Combination, Leaving, normalise, tilt
from ..devices import on_cpu
from ..errors import bad, number
from ..extension import Extensible, false_declaration, final, speaks_for
from ..process import Jump, Process
from .schedule import Constant, PerSample, Schedule
from .verify import once_by_fields, verify_agreement, verify_schedule
from .weight import checked_weight, one_each

__all__ = ["Guidance", "LogStay", "RateGuidance", "Step", "Transition", "known_jump_times", "normalise", "tilt"]

G = TypeVar("G", bound="Guidance")
LogStay: TypeAlias = Callable[[Tensor], Tensor]
"""What a sampler makes of the log of an integrated exit rate: the log-probability that a token stays."""


@dataclass(frozen=True)
class Transition:
    """The law of one position over one step.

    Attributes:
        log_stay: [N], log-probability that the token stays.
        log_landing: [N, V], law of the token it becomes, given that it leaves.
    """

    log_stay: Tensor
    log_landing: Tensor

    @classmethod
    def of(cls, jump: Jump, log_stay: LogStay) -> Transition:
        """The law of a step with this jump, if the token stays with the log-probability that `log_stay` says."""
        return cls(log_stay(jump.log_intensity), jump.log_landing)


@dataclass(frozen=True)
class Step:
    """One unguided step of a sampler along a process.

    Attributes:
        intensity: turns a prediction [N, V] into the jump of the process over the step.
        log_stay: turns the log of the integrated exit rate into the log-probability that a token stays.
    """

    intensity: Callable[[Tensor], Jump]
    log_stay: LogStay

    def __call__(self, log_p: Tensor) -> Transition:
        """The law of the step for one prediction."""
        return Transition.of(self.intensity(log_p), self.log_stay)


class Guidance(Extensible, ABC):
    """A guidance mechanism with its weight.

    `weight` is a number, a `Schedule`, a tensor [B] with one constant weight per sample, or a schedule times one number
    per sample (`Schedule.per_sample`); a number becomes a `Constant`. Raises `ValueError` for weights that are not
    finite or below -1.

    A new mechanism that acts on rates derives from `RateGuidance`. Any other derives from this class and says what the
    guided law of a step is (`guided`). It declares the class attributes below, which decide how samplers take a step of
    the masked process. `dguide.sample` checks the declarations on small examples (`verify`).

    >>> import dguide
    >>> isinstance(dguide.Unlocking(2.0), dguide.Guidance)
    True
    """

    weight: Schedule | Tensor | PerSample
    level: ClassVar[str]
    """What it acts on: "clean prediction", "transition probabilities" or "rates"."""
    tilted_landing: ClassVar[bool]
    """Whether a position that leaves lands on $q_w$. If so, samplers of the masked process draw from $q_w$ directly and
    read the logits once. If not, they take the general step, which writes out the law that `guided` returns; samplers
    that have no general step refuse the mechanism."""
    keeps_pace: ClassVar[bool]
    """Whether the guided exit rate is that of the two models, if these have the same one."""
    combination: ClassVar[Combination | None] = None
    """What `combined_log_stay` does, if it has that form: then steps of the uniform process are taken in C."""

    @classmethod
    def from_scale(cls: type[G], scale: float, **options: Any) -> G:
        """The mechanism at the guidance scale $1 + w$ of other libraries; `options` are its other arguments.

        >>> import dguide
        >>> dguide.Normalized.from_scale(7.5)
        Normalized(weight=Constant(weight=6.5))
        """
        if not (math.isfinite(number("guidance scale", scale)) and scale >= 0):
            raise bad("guidance scale", scale, "a finite number of at least 0 (1 is the conditional model)")
        return cls(**options | {"weight": scale - 1})

    def _accept_weight(self) -> None:
        weight: object = self.weight
        if isinstance(weight, PerSample) and type(weight.schedule) is Constant:
            weight = weight.schedule.weight * weight.factor
        if isinstance(weight, Schedule | PerSample):
            return
        name = f"{type(self).__name__} weight"
        value: Tensor | Schedule
        if isinstance(weight, Real) and not isinstance(weight, bool):
            value = Constant(checked_weight(name, weight))
        else:
            value = one_each(name, weight, "a number, a schedule of dguide or a tensor [B]")
            if not bool(torch.isfinite(value).all()) or bool((value < -1).any()):
                raise bad(name, value.tolist(), "finite numbers of at least -1")
        object.__setattr__(self, "weight", value)

    @final
    def weight_at(self, level: Tensor, sample: Tensor) -> Tensor:
        """w at noise `level` [N] for the samples with indices `sample` [N]."""
        if type(self.weight) is Constant:
            return torch.full_like(level, self.weight.weight, dtype=torch.float64)
        if isinstance(self.weight, Schedule):
            return self.weight(level)
        if isinstance(self.weight, PerSample):
            return self.weight.at(level, sample)
        return self.weight.to(sample.device)[sample]

    @final
    @property
    def level_free(self) -> bool:
        """Whether w is the same at all noise levels."""
        return type(self.weight) is Constant or isinstance(self.weight, Tensor)

    @final
    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Noise levels inside (0, 1), increasing, between which every weight is monotone."""
        return () if isinstance(self.weight, Tensor) else self.weight.breakpoints

    @final
    def weights_below(self, level: Tensor, sample: Tensor) -> Tensor:
        """Values of w, [K, N], that say whether it is 0 (or -1) at all noise levels up to `level` [].

        Between its breakpoints w is monotone, so its values there and in the middle between them tell.
        """
        levels = torch.tensor((0.0, *self.breakpoints), dtype=torch.float64, device=sample.device)
        levels = torch.cat((levels[levels < level], level.to(levels).view(1)))
        levels = torch.cat((levels, (levels[1:] + levels[:-1]) / 2))
        return torch.stack([self.weight_at(m.expand(len(sample)), sample) for m in levels])

    @final
    def weight_over(self, low: float | Tensor, high: float | Tensor, sample: Tensor) -> Tensor:
        """Mean of w over noise levels `low` to `high` ([N], or one for all), [N], for the samples `sample` [N]."""
        if type(self.weight) is Constant:
            return torch.full(sample.shape, self.weight.weight, dtype=torch.float64, device=sample.device)
        if not isinstance(self.weight, Tensor):
            start, end = (torch.as_tensor(level, dtype=torch.float64) for level in (low, high))
            if isinstance(self.weight, PerSample):
                return self.weight.over(start, end, sample)
            return self.weight.average(start, end).to(sample.device).expand(sample.shape)
        return self.weight.to(sample.device)[sample]

    @final
    def transition(self, cond: Tensor | None, ref: Tensor | None, weight: Tensor, step: Step) -> Transition:
        r"""The law of a step from the two predictions: `guided`, or `step` of the only one that matters.

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
        return self.guided(cond, ref, weight, step)

    @abstractmethod
    def guided(self, cond: Tensor, ref: Tensor, weight: Tensor, step: Step) -> Transition:
        """The guided law of a step from both predictions; arguments as in `transition`."""

    def guided_log_stay(self, log_intensity: Tensor, log_z: Tensor, log_stay: LogStay) -> Tensor:
        r"""log-probability to stay in a step in which both models leave at the same rate, as masks do, [N].

        It is asked of a mechanism with a `tilted_landing` that does not keep the pace. Of the two predictions only
        $Z_w$ can matter then. It has to agree with `guided`.

        Args:
            log_intensity: log of the integrated exit rate of both models over the step, [N] or [].
            log_z: $\log Z_w$, [N].
            log_stay: what the sampler makes of an integrated exit rate.
        """
        raise NotImplementedError(f"{type(self).__name__} declares tilted_landing and lacks guided_log_stay")

    def combined_log_stay(self, cond: Tensor, ref: Tensor, weight: Tensor, log_z: Tensor, log_stay: LogStay) -> Tensor:
        r"""log-probability to stay in a step, [N], for a mechanism that makes it of two exit rates and $Z_w$ alone.

        It has to agree with `guided`, and spares samplers the laws where a process has `Floored` rates. A mechanism
        that overrides `guided`, and not this, is sampled by `guided`.

        Args:
            cond: log of the integrated exit rate of the conditional over the step, [N].
            ref: the same of the reference, [N].
            weight: w, [N].
            log_z: $\log Z_w$, [N].
            log_stay: what the sampler makes of an integrated exit rate.
        """
        raise NotImplementedError(f"{type(self).__name__} says its steps in guided only")

    @property
    def combines_rates(self) -> bool:
        """Whether `combined_log_stay` says how strongly a position leaves that lands on $q_w$."""
        return self.tilted_landing and speaks_for(type(self), "combined_log_stay", "guided", "combine")

    @property
    def told_combination(self) -> Combination | None:
        """`combination`, unless a class overrides `combined_log_stay`, or what that is made of, and not this."""
        speaks = speaks_for(type(self), "combination", "combined_log_stay", "log_intensity", "guided", "combine")
        return self.combination if speaks else None

    @property
    def asks_log_z(self) -> bool:
        """Whether `combined_log_stay` looks at $Z_w$."""
        return True

    def _verify_rates(self) -> None:
        """Raise `ValueError` if the rates of a mechanism cannot be rates."""

    @final
    @on_cpu
    def verify(self) -> None:
        """Raise `ValueError` if a declaration of the class is wrong on a small example: three masks in one step."""
        if vars(self).get("_verified"):
            return
        for name in ("level", "tilted_landing", "keeps_pace"):
            if not hasattr(self, name):
                what = f"{type(self).__name__}.{name}"
                raise bad(what, "nothing", "a class attribute", f"See the docstring of Guidance, and declare {name}.")
        if not isinstance(self.weight, Tensor):
            verify_schedule(self.weight if isinstance(self.weight, Schedule) else self.weight.schedule)
        once_by_fields(self, self._verify_example)
        object.__setattr__(self, "_verified", True)

    def _verify_example(self) -> None:
        self._verify_rates()
        cls, rate = type(self), torch.tensor([-2.0, -0.5, 0.3], dtype=torch.float64)
        logits = torch.linspace(-1, 1, 24, dtype=torch.float64).sin_().mul(9).view(2, 3, 4)
        cond, ref = torch.log_softmax(logits, -1)
        weight = torch.tensor([-0.5, 1.0, 3.0], dtype=torch.float64)
        log_stay = Leaving.EXPONENTIAL.log_stay
        law = self.guided(cond, ref, weight, Step(lambda log_p: Jump(rate, log_p), log_stay))
        landing, log_z = normalise(tilt(cond, ref, weight.unsqueeze(-1)))
        if self.tilted_landing and not torch.allclose(law.log_landing, landing):
            raise false_declaration(cls, "tilted_landing", "a landing that is not q_w")
        if self.keeps_pace and not torch.allclose(law.log_stay, log_stay(rate)):
            raise false_declaration(cls, "keeps_pace", "an exit rate that is not that of the two models")
        if self.tilted_landing and not self.keeps_pace:
            told = self.guided_log_stay(rate, log_z, log_stay)
            if not torch.allclose(told, law.log_stay):
                expected = f"what guided returns, {law.log_stay.tolist()}"
                remedy = "Make the two agree; with RateGuidance, change log_intensity and not the intensity of combine."
                raise bad(f"{cls.__name__}.guided_log_stay", told.tolist(), expected, remedy)
        self._verify_combined(cond, ref, weight, log_z)

    def _verify_combined(self, cond: Tensor, ref: Tensor, weight: Tensor, log_z: Tensor) -> None:
        """Raise `ValueError` if `combined_log_stay` does not agree with `guided` where the two exit rates differ."""
        if not self.combines_rates:
            return
        log_stay = Leaving.EXPONENTIAL.log_stay
        law = self.guided(cond, ref, weight, Step(lambda log_p: Jump(log_p[:, 0] / 4, log_p), log_stay))
        asked = log_z if self.asks_log_z else torch.zeros_like(log_z)
        given = (cond[:, 0] / 4, ref[:, 0] / 4, weight, asked, log_stay)
        told, form = self.combined_log_stay(*given), self.told_combination
        verify_agreement(f"{type(self).__name__}.combined_log_stay", told, "guided", law.log_stay)
        if form is not None:
            verify_agreement(f"{type(self).__name__}.combination", form.log_stay(*given), "combined_log_stay", told)


def known_jump_times(process: Process, guidance: Guidance) -> bool:
    """Whether the times of jumps depend on no prediction, so that w can be taken at each of them."""
    return process.prediction_free_rate and guidance.tilted_landing and guidance.keeps_pace


class RateGuidance(Guidance):
    """A mechanism that acts on rates, and so has a meaning in continuous time.

    A new one says what the exit rate becomes (`log_intensity`), and lands on $q_w$. One that lands elsewhere overrides
    `combine` as well, and declares `tilted_landing = False`.
    """

    level = "rates"
    tilted_landing = True

    def combine(self, cond: Jump, ref: Jump, weight: Tensor) -> Jump:
        r"""The guided jump: landing $q_w$, and an exit rate made of $\lambda_c^{1+w} \lambda_u^{-w}$ and $Z_w$."""
        log_landing, log_z = normalise(tilt(cond.log_landing, ref.log_landing, weight.unsqueeze(-1)))
        return Jump(self.log_intensity(tilt(cond.log_intensity, ref.log_intensity, weight), log_z), log_landing)

    @final
    def guided(self, cond: Tensor, ref: Tensor, weight: Tensor, step: Step) -> Transition:
        return Transition.of(self.combine(step.intensity(cond), step.intensity(ref), weight), step.log_stay)

    @final
    def guided_log_stay(self, log_intensity: Tensor, log_z: Tensor, log_stay: LogStay) -> Tensor:
        return log_stay(self.log_intensity(log_intensity, log_z))

    @final
    def combined_log_stay(self, cond: Tensor, ref: Tensor, weight: Tensor, log_z: Tensor, log_stay: LogStay) -> Tensor:
        return log_stay(self.log_intensity(tilt(cond, ref, weight), log_z))

    @property
    def asks_log_z(self) -> bool:
        return not self.keeps_pace

    @abstractmethod
    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        r"""log of the guided exit rate, [N].

        It is that of a rate, or of one integrated over a step, so it has the form $\log \lambda + f(\log Z_w)$.

        Args:
            tilted: $\log \lambda$ with $\lambda = \lambda_c^{1+w} \lambda_u^{-w}$, [N].
            log_z: $\log Z_w$, [N].
        """

    def _verify_rates(self) -> None:
        if type(self).combine is not RateGuidance.combine:
            return
        tilted, log_z = torch.meshgrid(*torch.tensor([[-3.0, 0.0, 2.0], [0.0, 0.5, 4.0]]).double(), indexing="ij")
        told, name = self.log_intensity(tilted, log_z), f"{type(self).__name__}.log_intensity"
        if not torch.allclose(told - tilted, (told - tilted)[:1].expand_as(told)):
            raise bad(name, (told - tilted).tolist(), "tilted and a term that depends on log_z only")
