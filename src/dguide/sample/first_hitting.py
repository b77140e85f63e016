r"""First-hitting sampling of the masked process: one position a call, at its own time.

Source: Zheng et al., "Masked diffusion models are secretly time-agnostic masked models and inaccurate categorical
sampling hinders their evaluation", arXiv 2409.02908, for the unguided process; here with guidance, by thinning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ..categorical import draw
from ..errors import bad
from ..guidance import Guidance, RateGuidance, Schedule
from ..process import Jump, Process
from ..random import Stream
from .base import Sampler, State
from .run import Run

__all__ = ["FirstHitting"]

_BEND = 0.25
"""Largest change of w within a segment on which the exit rates are bounded."""


@dataclass(frozen=True)
class FirstHitting(Sampler):
    r"""Jump from hit to hit: no grid, no error of discretisation.

    Where the pace is free of content (`Normalized`) the hits are known before the first call: position i is hit when
    the noise level falls to $e^{-E_i}$, with $E_i$ its Exp(1) clock. Otherwise (`Unlocking`) the clock of position i
    runs $Z_w$ times as fast; w(m) may vary between hits, so the clocks run against a bound and candidates are
    thinned: $\log Z_w$ is convex in w, hence on a segment where w is monotone $Z_w$ is largest at one of its ends.
    """

    guarantee = "exact for denoisers that do not depend on time (with Normalized: for all)"

    def check(self, process: Process, guidance: Guidance) -> None:
        if not process.content_free:
            raise bad(
                "FirstHitting with the process", type(process).__name__, "Masked", "Use Ancestral for the others."
            )
        if not isinstance(guidance, RateGuidance):
            raise bad(
                f"FirstHitting with {type(guidance).__name__}, which acts on {guidance.level}",
                "no meaning in continuous time",
                "Normalized or Unlocking",
                "Simple needs a grid: Ancestral, Euler or TauLeaping.",
            )

    def finished(self, run: Run, state: State) -> bool:
        return not bool(run.movable(state.tokens).any())

    def length(self, run: Run, state: State) -> int:
        return int(run.movable(state.tokens).sum(-1).max())

    def step(self, run: Run, state: State) -> State:
        race = _Known(run, state) if run.paced else _Race(run, state)
        samples = race.samples
        where = (samples, race.hit[samples])
        weight = run.guidance.weight_at(race.level[samples], run.rows[samples])
        tokens = state.tokens.clone()
        for rows in run.chunks(len(samples)):
            at = (where[0][rows], where[1][rows])
            law = race.jump(race.rows_of(at), weight[rows]).log_landing
            tokens[at] = draw(law, run.uniforms(Stream.LANDING, 0, at))
        time = torch.where(race.active.any(-1), run.process.noise.time(race.level), state.time)
        return State(tokens, race.clocks, race.jumps, state.forced, time, state.index + 1)


class _Hit:
    """Who is hit next in each sample, and when: `hit` [B], `level` [B], with the clocks as they stand then."""

    def __init__(self, run: Run, state: State) -> None:
        self.run = run
        self.active = run.movable(state.tokens)
        self.samples = self.active.any(-1).nonzero().squeeze(-1)
        self.level = run.process.noise.level(state.time)
        self.clocks, self.jumps = state.clocks, state.jumps
        self.hit = torch.zeros_like(state.forced)
        self.cond: Tensor | None = None
        self.ref: Tensor | None = None
        self.row = torch.zeros_like(state.tokens)

    def ask(self, state: State, time: Tensor, wanted: Tensor, weight: Tensor) -> None:
        """Call the networks for the positions `wanted`, and remember which row of logits is whose."""
        self.cond, self.ref = self.run.predict(state.tokens, time, wanted, weight)
        self.row = (wanted.flatten().cumsum(0) - 1).view_as(wanted)

    def rows_of(self, at: tuple[Tensor, Tensor]) -> Tensor:
        """Numbers of the rows of logits of the positions `at`."""
        return self.row[at]

    def jump(self, rows: Tensor, weight: Tensor) -> Jump:
        """The guided jump of some rows, its intensity relative to the unguided one."""
        guidance = self.run.guidance
        assert isinstance(guidance, RateGuidance)
        laws = [self.run.laws(x, rows) for x in (self.cond, self.ref)]
        one = torch.zeros_like(weight)
        cond, ref = (None if law is None else Jump(one, law) for law in laws)
        if cond is None or ref is None:
            only = cond or ref
            assert only is not None
            return only
        return guidance.combine(cond, ref, weight)


class _Known(_Hit):
    """The pace is free of content: the shortest clock is hit, and its distribution is needed once, now."""

    def __init__(self, run: Run, state: State) -> None:
        super().__init__(run, state)
        wait, self.hit = self.clocks.masked_fill(~self.active, math.inf).min(-1)
        wait = torch.where(self.active.any(-1), wait, 0.0)
        self.clocks = self.clocks - wait.unsqueeze(-1)
        self.level = self.level * torch.exp(-wait)
        wanted = torch.zeros_like(self.active).scatter(-1, self.hit.unsqueeze(-1), True) & self.active
        weight = run.guidance.weight_at(self.level[self.samples], run.rows[self.samples])
        self.ask(state, run.process.noise.time(self.level), wanted, weight)


class _Race(_Hit):
    """The pace depends on content: predictions first, then clocks against a bound, and thinning."""

    def __init__(self, run: Run, state: State) -> None:
        super().__init__(run, state)
        edges = _edges(run.guidance.weight).to(self.level.device)
        below = edges[edges < self.level.max()]
        sample = run.rows[self.samples]
        stakes = [run.guidance.weight_at(edge.expand(len(sample)), sample) for edge in below]
        stakes.append(run.guidance.weight_at(self.level[self.samples], sample))
        self.ask(state, state.time, self.active, torch.stack(stakes))
        pending = self.samples
        while len(pending):
            pending = pending[~self._candidate(pending, edges)]

    def _candidate(self, pending: Tensor, edges: Tensor) -> Tensor:
        """Run the clocks of the samples `pending` to the next candidate or edge; return who was hit, [len(pending)]."""
        run, weight_at = self.run, self.run.guidance.weight_at
        sample, level = run.rows[pending], self.level[pending]
        low = edges[torch.searchsorted(edges, level) - 1]
        # Just inside the segment, so that a jump of w at an edge does not count; the slack covers the inset.
        inset = 1e-9 * (level - low)
        ends = [weight_at(level - inset, sample), weight_at(low + inset, sample)]
        slack = 1e-6 * (ends[0] - ends[1]).abs()
        b, position = self.active[pending].nonzero().unbind(-1)
        rows = self.row[pending[b], position]
        bound = torch.maximum(*(self._speeds(rows, end[b]) for end in ends)) + slack[b]
        log_speed = torch.full(self.clocks[pending].shape, -math.inf, dtype=torch.float64, device=level.device)
        log_speed[b, position] = bound.clamp_max(600.0)
        speed = log_speed.exp()
        clocks = self.clocks[pending]
        wait, first = torch.where(speed > 0, clocks / speed, math.inf).min(-1)
        reach = torch.log(level / low)
        met = wait < reach
        wait = torch.minimum(wait, reach)
        self.clocks = self.clocks.index_copy(0, pending, clocks - speed * wait.unsqueeze(-1))
        level = torch.where(met, level * torch.exp(-wait), low)
        self.level = self.level.index_copy(0, pending, level)
        # Thin the candidates: accept with probability Z_w(now) / bound; a rejected position gets a fresh clock.
        i = met.nonzero().squeeze(-1)
        at = (pending[i], first[i])
        true = self._speeds(self.row[at], weight_at(level[i], sample[i])).clamp_max(600.0)
        accepted = run.uniforms(Stream.ACCEPT, self.jumps[at], at).log() <= true - log_speed[i, first[i]]
        self.jumps = self.jumps.index_put(at, self.jumps[at] + 1)
        self.clocks = self.clocks.index_put(at, -run.uniforms(Stream.CLOCK, self.jumps[at], at).log())
        self.hit = self.hit.index_copy(0, at[0], at[1])
        return met.index_put((i,), accepted)

    def _speeds(self, rows: Tensor, weight: Tensor) -> Tensor:
        """log of how much faster than unguided the clocks of some rows run, [N]."""
        parts = [self.jump(rows[part], weight[part]).log_intensity for part in self.run.chunks(len(rows))]
        return torch.cat(parts) if parts else torch.zeros_like(weight)


def _edges(weight: Schedule | Tensor | float) -> Tensor:
    """Noise levels, increasing from 0, between which w is monotone and changes by no more than `_BEND`."""
    if not isinstance(weight, Schedule):
        return torch.zeros(1, dtype=torch.float64)
    edges = []
    points = (0.0, *weight.breakpoints, 1.0)
    for low, high in pairwise(points):
        inside = torch.tensor((low + 1e-9 * (high - low), high - 1e-9 * (high - low)), dtype=torch.float64)
        parts = max(1, math.ceil(float(weight(inside).diff().abs()) / _BEND - 1e-6))
        edges.append(torch.linspace(low, high, parts + 1, dtype=torch.float64)[:-1])
    return torch.cat(edges)
