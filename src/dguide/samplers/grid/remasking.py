r"""Remasking: decided tokens may be masked again, so that what was decided in haste is decided once more.

In a step from t to s a decided token is masked with probability $\sigma$, and a mask is decided with the larger
probability that keeps the share of masks as it should be,

$$P(x_s = \text{mask} \mid x_t \ne \text{mask}) = \sigma, \qquad
P(x_s = \text{mask} \mid x_t = \text{mask}) = \frac{m_s - \sigma \alpha_t}{m_t}, \qquad
0 \le \sigma \le \sigma_{\max} = \min(1, m_s / \alpha_t),$$

so that $\alpha_t \sigma + m_s - \sigma \alpha_t = m_s$. At w = 0 this is a posterior of another forward process with
the same $q(x_t \mid x_0)$: the same denoiser serves it. $\sigma = 0$ is `Ancestral`.

Guidance tilts what masks do, as in `Ancestral`; of what decided tokens do there is nothing to tilt. At w = 0 the law
of continuous time is that without remasking, and there is only more to decide, and so more error, in each step. With
guidance it is another law, and one nearer to the tilted target: given that all others are decided, $q_w$ is the
conditional law of the target itself, and a token that is masked and decided again late is a step of Gibbs sampling of
it. That mixes where changes of one token lead from each likely sequence to the others; how near it comes in a given
number of steps is measured, not proved.

Source: Wang et al., "Remasking discrete diffusion models with inference-time scaling", arXiv 2503.00307.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...categorical import Draws
from ...denoiser import Denoiser
from ...errors import bad, number
from ...guidance import Guidance
from ...process import Jump, Process
from ...random import Stream
from ..run import Run
from ..state import State
from .base import Stage, log_stay
from .jump_times import TimeGrid, fraction
from .moves import StepBuffers
from .steps import GridSampler, discretize

__all__ = ["Remasking"]


@dataclass(frozen=True)
class Remasking(GridSampler):
    r"""Ancestral steps of the masked process that also mask decided tokens again, each with probability

    $$\sigma = \min(\text{cap},\ \text{share} \cdot \sigma_{\max},\ \text{rate} \cdot (m_t - m_s)), \qquad
    \sigma_{\max} = \min(1, m_s / \alpha_t).$$

    `cap` alone is the capped schedule of the paper, `share` alone the rescaled one; both mask the same number of tokens
    a step however short it is, and so more often the more steps there are. With `rate` it is the same number in all.
    Tokens given as `initial` and those held as `fixed` are never masked. Source: arXiv 2503.00307, Section 4.

    Args:
        steps: number of steps T.
        grid: as in `Ancestral`.
        cap: the most that $\sigma$ may be, in [0, 1].
        share: of $\sigma_{\max}$, in [0, 1].
        rate: of masking per unit of noise level, at least 0.
        window: noise levels (low, high) between which tokens are masked again; a step counts by its beginning.

    Raises:
        ValueError: for numbers outside these ranges, or a process whose tokens are never decided.

    >>> import dguide
    >>> sampler = dguide.Remasking(steps=4, rate=1.0)
    >>> time, earlier = sampler.times(dguide.Masked(2))[1:3]
    >>> float(sampler.again(dguide.Masked(2), time, earlier))
    0.25
    """

    cap: float = 1.0
    share: float = 1.0
    rate: float = 4.0
    window: tuple[float, float] = (0.0, 1.0)

    guarantee = (
        "exact given predictions frozen within a step; at w = 0 first order in the steps, if cap, share or rate make "
        "the masking of a step as short as it is"
    )
    revisits = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, top in (("cap", 1.0), ("share", 1.0), ("rate", math.inf)):
            value = number(f"Remasking {name}", getattr(self, name))
            object.__setattr__(self, name, value)
            if not 0 <= value <= top:
                raise bad(f"Remasking {name}", value, f"a number from 0 to {top}")
        try:
            low, high = self.window
        except (TypeError, ValueError):
            low, high = math.nan, math.nan
        low, high = number("Remasking window", low), number("Remasking window", high)
        if not 0 <= low <= high <= 1:
            raise bad("Remasking window", repr(self.window), "noise levels 0 <= low <= high <= 1")
        object.__setattr__(self, "window", (low, high))

    def start(self, process: Process) -> float:
        return 1.0

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        """Raises `ValueError` for a process that never decides a token."""
        _decides(process)

    def again(self, process: Process, time: Tensor, earlier: Tensor) -> Tensor:
        r"""$\sigma$ of the step from `time` to `earlier`."""
        high, low, alpha = process.noise.level(time), process.noise.level(earlier), process.noise.alpha(time)
        most = self.share * torch.where(low < alpha, low / alpha, 1.0)
        again = torch.minimum(most, self.rate * (high - low)).clamp_max(self.cap)
        return torch.where((high >= self.window[0]) & (high <= self.window[1]), again, 0.0)

    def intensity(self, process: Process, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        r"""$\Lambda = -\log P(\text{mask} \mid \text{mask})$ of a step and law of the landing."""
        jump, again = process.posterior(tokens, time, earlier, log_p), self.again(process, time, earlier).to(log_p)
        taken = again * (process.noise.alpha(time) / process.noise.level(time)).to(log_p)
        stay = torch.exp(-torch.exp(jump.log_intensity)) - taken
        log_intensity = torch.where(again > 0, (-stay.clamp_min(0).log()).log(), jump.log_intensity)
        return Jump(log_intensity, jump.log_landing)

    def log_stay(self, log_intensity: Tensor) -> Tensor:
        return log_stay(log_intensity)

    def stages(self, process: Process, guidance: Guidance, time: Tensor, earlier: Tensor) -> tuple[Stage, ...]:
        _decides(process)
        (stage,) = super().stages(process, guidance, time, earlier)
        return (replace(stage, again=float(self.again(process, time, earlier))),)

    def step(self, run: Run, state: State) -> State:
        self.check_unfinished(run, state)
        grid, buffers = run.once(discretize, self), StepBuffers.of(state)
        if grid.plain and run.guidance.tilted_landing:
            self._decide(run, state, grid, buffers)
        else:
            self._move_generally(run, state, grid, buffers)
        again = float(self.again(run.process, *grid.noisy_times[state.index : state.index + 2]))
        if again:
            decided = ~run.process.movable(state.tokens)
            mine = decided if run.fixed is None else decided & ~run.fixed
            mine = mine if run.initial is None else mine & run.movable(run.initial)
            where = mine.nonzero().unbind(-1)
            masked = run.uniforms(Stream.REMASK, state.index, where) < again
            to = (where[0][masked], where[1][masked])
            clocks = -run.uniforms(Stream.CLOCK, buffers.jumps[to], to).log()
            buffers.clocks[to] = clocks
            buffers.tokens[to] = run.process.noise_token
        return buffers.state(state, grid.times[state.index + 1])

    def _decide(self, run: Run, state: State, grid: TimeGrid, buffers: StepBuffers) -> None:
        """Let masks leave whose clocks run out, as in `Ancestral`."""
        guidance, device = run.guidance, state.clocks.device
        high, low = grid.levels[state.index : state.index + 2]
        known = grid.exit_rates[state.index].to(device) if run.known_jump_times else None
        asked = run.movable(state.tokens)
        if known is not None:
            buffers.clocks.sub_(torch.where(asked, known, 0.0))
            asked = asked & ((state.clocks <= known) | (low == 0))
        where = asked.nonzero().unbind(-1)
        if not len(where[0]):
            return
        clock, rows = state.clocks[where], run.rows[where[0]]
        if known is None:
            weight = guidance.weight_over(low, high, rows)
        else:
            weight = guidance.weight_at(high - (high - low) * fraction(clock, known), rows)
        predictions = run.predict(state.tokens, grid.now(state), run.query(where, weight))
        exit_rate = known
        if exit_rate is None:
            log_z = predictions.log_z(weight)
            exit_rate = -guidance.guided_log_stay(grid.log_intensity[state.index].to(device), log_z, log_stay)
            buffers.clocks[where] = clock - exit_rate

        def land(rows: Tensor) -> Draws:
            to = (where[0][rows], where[1][rows])
            uniforms = run.uniforms(Stream.LANDING, state.jumps[to], to)
            return predictions[rows].draw(weight[rows], uniforms, partition=bool(run.observers))

        buffers.jumps[buffers.decide(run, where, land, clock, exit_rate.expand(clock.shape), (high, low))] += 1


def _decides(process: Process) -> None:
    if not process.absorbing:
        raise bad(
            "Remasking with the process",
            type(process).__name__,
            "Masked, whose decided tokens can be masked again",
            "Tokens of this process may change in every step of any sampler.",
        )
