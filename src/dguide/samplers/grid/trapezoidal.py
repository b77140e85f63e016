r"""The theta-trapezoidal method: two calls a step, and an error of the second order.

A step from noise level $m_t$ to $m_s$ has a middle, $m_\rho = m_t - \theta (m_t - m_s)$. In the first stage positions
leave as in a step of `Ancestral` from t to $\rho$, given the predictions at $(x_t, t)$. The networks are then asked
again, at the state $x^*$ reached, and in the second stage the rate of a jump of position i to y is

$$\left(a_1\, r_{i,y}(x^*) - a_2\, r_{i,y}(x_t)\right)_+, \qquad
a_1 = \frac{1}{2 \theta (1 - \theta)}, \quad a_2 = a_1 - 1 = \frac{\theta^2 + (1 - \theta)^2}{2 \theta (1 - \theta)}.$$

Why: let A be the generator with the rates of $x_t$, and L the true one, whose rates are those of the state it acts on.
The law of a step of size h is $1 + h A + h^2 [\theta^2/2 + (1-\theta)^2/2 - \theta (1-\theta) a_2] A^2 +
h^2 \theta (1-\theta) a_1 L^2$ up to $h^3$. The bracket is zero, the last term $h^2 L^2 / 2$, as it should be.

What is known exactly is not left to the extrapolation:

- Masked process. The exit rate 1/m is integrated as in `Ancestral`, up to infinity at m = 0, and the rates extrapolated
  are $q_w$ (`Normalized`, whose pace is kept as it is) or $Z_w q_w$. Given that a mask leaves in a step, m is uniform
  over it, so $\theta$ is the probability that it does so in the first stage. Two masks that leave together then land
  with the law $[\theta^2 + (1-\theta)^2]\, q_i q_j + 2 \theta (1-\theta) (a_1\, \text{true} - a_2\, q_i q_j)$, which
  is the true one, at any size of the step, the last included, if no rate is negative. Then two positions need one step
  of two calls, with `Normalized` and constant w. Strong guidance seldom meets this condition.
- Uniform process. Both rates are those of the exact posterior from $\rho$ to s; for the second, the prediction at
  $x_t$ is first propagated to $\rho$ by Bayes' rule for the token itself (`Process.propagated`). A position that left
  in the first stage follows the posterior at $x^*$. Everything is finite at both ends.

The positive part is where the order is lost: a rate that falls below $a_2 / a_1 \ge 1/2$ of itself when another
position jumps. That has a probability of order h^2 a step, whatever the step, and so leaves an error of first order. On
most small problems it is smaller than that of `Ancestral` at equal calls, on some it is larger. $\theta = 1/2$ makes it
rarest.

Sources: Anderson and Mattingly (2011) for the method; Ren et al., arXiv 2502.00234, for discrete diffusion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ...denoiser import Denoiser
from ...errors import bad, number
from ...extension import listed
from ...guidance import Guidance, RateGuidance, Transition, known_jump_times
from ...process import Jump, Process
from ..run import Run
from ..state import State
from .base import OnGrid, Stage, StageInput, log_stay
from .masked_stages import MaskedStages
from .two_stages import Marks, WrittenStages

__all__ = ["Trapezoidal"]


_SURE = 100.0
"""Log of an integrated rate that is as good as infinite."""


@dataclass(frozen=True)
class Trapezoidal(OnGrid):
    r"""Two stages a step: `Ancestral` for a share $\theta$ of it, then the extrapolated rates
    $(a_1 r(x^*) - a_2 r(x_t))_+$ for the rest.

    There is no guarantee to be nearer than `Ancestral` at equal calls. At most two calls a step. For the masked
    process with `Normalized`, the jump times are known beforehand: a step in which samples need only one of its stages
    asks for that alone. With `Unlocking`, a sample of which nothing left in the first stage is not asked about again.
    Logits that the second stage extrapolates from are copied: with `Unlocking` those of every mask of a sample that
    changed. For the uniform process laws of all positions are kept in float64 instead. The module has the equations.
    Source: arXiv 2502.00234.

    Args:
        steps: number of steps T.
        grid: as in `Ancestral`.
        theta: share of the first stage, in (0, 1).

    Raises:
        ValueError: for theta outside (0, 1), and for guidance that does not act on rates.

    >>> import dguide
    >>> sampler = dguide.Trapezoidal(steps=2)
    >>> time, earlier = sampler.times(dguide.Masked(2))[:2]
    >>> float(sampler.middle(dguide.Masked(2), time, earlier))
    0.75
    """

    theta: float = 0.5

    guarantee = (
        "second order in the steps where no extrapolated rate is negative (for the uniform process: and w = 0, up to "
        "a small first-order term in w); otherwise first order"
    )
    revisits = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "theta", number("Trapezoidal theta", self.theta))
        if not 0 < self.theta < 1:
            raise bad("Trapezoidal theta", self.theta, "a number above 0 and below 1")

    def start(self, process: Process) -> float:
        return 1.0

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        """Raises `ValueError` for guidance that does not act on rates."""
        _on_rates(guidance)

    def stages(self, process: Process, guidance: Guidance, time: Tensor, earlier: Tensor) -> tuple[Stage, ...]:
        middle = self.middle(process, time, earlier)
        rates, at_jump = _on_rates(guidance), known_jump_times(process, guidance)
        return (
            Stage(time, middle, partial(_first, process, rates, time, middle), at_jump=at_jump),
            Stage(middle, earlier, partial(self._second, process, rates, time, middle, earlier), at_jump=at_jump),
        )

    def middle(self, process: Process, time: Tensor, earlier: Tensor) -> Tensor:
        r"""The time $\rho$ between the stages of a step."""
        high, low = process.noise.level(time), process.noise.level(earlier)
        return process.noise.time(high - self.theta * (high - low))

    @property
    def _ahead(self) -> float:
        """The factor $a_1$."""
        return 1 / (2 * self.theta * (1 - self.theta))

    def _second(
        self,
        process: Process,
        guidance: RateGuidance,
        time: Tensor,
        middle: Tensor,
        earlier: Tensor,
        views: Sequence[StageInput],
        weight: Tensor,
    ) -> Transition:
        """The law of the second stage; a single view stands for two that are alike."""
        now = views[-1]
        jump = _jump(process, guidance, now, middle, earlier, weight)
        if len(views) == 1:
            return Transition.of(jump, log_stay)
        before = views[0]
        cond, ref = (
            None if x is None else process.propagated(before.tokens, time, middle, x) for x in (before.cond, before.ref)
        )
        old = _jump(process, guidance, StageInput(before.tokens, cond, ref), middle, earlier, weight)
        ahead = self._ahead
        log_new, log_old = (x.log_intensity.unsqueeze(-1) + x.log_landing for x in (jump, old))
        top = torch.maximum(log_new, log_old).amax(-1, keepdim=True)
        top = torch.where(top.isinf(), 0.0, top)
        rates = (ahead * torch.exp(log_new - top) - (ahead - 1) * torch.exp(log_old - top)).clamp_min(0)
        total = rates.sum(-1)
        usable = (total > 0) & (before.tokens == now.tokens)
        landing = torch.where(usable.unsqueeze(-1), (rates / total.unsqueeze(-1)).log(), jump.log_landing)
        intensity = jump.log_intensity
        if not (process.prediction_free_rate and guidance.keeps_pace):
            extrapolated = top.squeeze(-1) + total.log()
            intensity = torch.where(before.tokens == now.tokens, extrapolated, intensity)
        return Transition.of(Jump(intensity, landing), log_stay)

    def step(self, run: Run, state: State) -> State:
        self.check_unfinished(run, state)
        marks = run.once(_marked, self)[state.index]

        def stages() -> tuple[Stage, ...]:
            return self.stages(run.process, run.guidance, marks.times[0], marks.times[2])

        if _reads_rows(run.process, run.guidance):
            return MaskedStages(run, state, marks, stages, self._ahead).taken()
        return WrittenStages(run, state, marks, stages).taken()


def _marked(sampler: Trapezoidal, process: Process) -> list[Marks]:
    """The marks of each step."""
    times = sampler.times(process)
    time, earlier = times[:-1], times[1:]
    marks = torch.stack((time, sampler.middle(process, time, earlier), earlier), -1)
    levels = process.noise.level(marks).tolist()
    rates: list[list[float]] = [[] for _ in levels]
    if process.prediction_free_rate and process.point_mass:
        # A law of one column: no prediction matters.
        noise, blank = torch.full_like(marks[:, :2], process.noise_token).long(), torch.zeros_like(marks[:, :2, None])
        jump = process.posterior(noise, marks[:, :2], marks[:, 1:], blank)
        rates = jump.log_intensity.clamp_max(_SURE).tolist()
    return [Marks(tuple(at.unbind()), tuple(m), tuple(r)) for at, m, r in zip(marks, levels, rates, strict=True)]


def _on_rates(guidance: Guidance) -> RateGuidance:
    if not isinstance(guidance, RateGuidance):
        raise bad(
            "Trapezoidal guidance",
            type(guidance).__name__,
            listed(RateGuidance),
            "A mechanism that is defined by its step cannot be extrapolated; use Ancestral for it.",
        )
    return guidance


def _reads_rows(process: Process, guidance: Guidance) -> bool:
    """Whether a position leaves for $q_w$ at a rate of which only $Z_w$ has to be read, at whatever time it is read."""
    plain = process.prediction_free_rate and process.point_mass and process.time_agnostic
    return plain and guidance.tilted_landing


def _jump(
    process: Process, guidance: RateGuidance, view: StageInput, time: Tensor, earlier: Tensor, weight: Tensor
) -> Jump:
    """The guided integrated rates from `time` to `earlier` of the posteriors of a view."""

    def posterior(log_p: Tensor) -> Jump:
        jump = process.posterior(view.tokens, time, earlier, log_p)
        return Jump(jump.log_intensity.clamp_max(_SURE), jump.log_landing)

    if view.cond is None or view.ref is None:
        only = view.ref if view.cond is None else view.cond
        assert only is not None
        return posterior(only)
    return guidance.combine(posterior(view.cond), posterior(view.ref), weight)


def _first(
    process: Process, guidance: RateGuidance, time: Tensor, middle: Tensor, views: Sequence[StageInput], weight: Tensor
) -> Transition:
    return Transition.of(_jump(process, guidance, views[-1], time, middle, weight), log_stay)
