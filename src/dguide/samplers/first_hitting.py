r"""First-hitting sampling of the masked process: one position a call, at its own time.

Source: Zheng et al., "Masked diffusion models are secretly time-agnostic masked models and inaccurate categorical
sampling hinders their evaluation", arXiv 2409.02908, for the unguided process; here with guidance, by thinning.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from ..denoiser import Denoiser
from ..errors import bad
from ..extension import listed
from ..guidance import Guidance, RateGuidance
from ..process import Process
from ..random import Stream
from .grid.base import OnGrid
from .run import Run
from .sampler import Sampler
from .state import State

__all__ = ["FirstHitting"]

_SPREAD = 1.0
"""Largest difference of log Z_w between the ends of a segment on which it is bounded."""
_TINY = torch.finfo(torch.float64).tiny
_HAIR, _HAIR_OF_FLOAT32 = 1e-6, 1e-2
"""By how much a log of a rate may lie above its bound by rounding, if all logits are float64, and otherwise.

Of logits l in float32 it is $(1 + 2 |w|) |l|$ times $2^{-24}$: 0.01 for w = 8 and l = 10,000."""
_NARROW = 1e-12
"""Relative width of a segment within which the time of a jump is not told apart."""


@dataclass(frozen=True)
class FirstHitting(Sampler):
    r"""Jump from hit to hit: no grid, no error of discretisation.

    Where the pace is free of content (`Normalized`) the hits are known before the first call: position i is hit when
    the noise level falls to $e^{-E_i}$, with $E_i$ its Exp(1) clock. Otherwise (`Unlocking`) the clock of position i
    runs $Z_w$ times as fast; w(m) may vary between hits, so the clocks run against a bound and candidates are
    thinned: $\log Z_w$ is convex in w, hence on a segment where w is monotone $Z_w$ is largest at one of its ends.

    >>> import dguide
    >>> dguide.FirstHitting().guarantee
    'exact for denoisers that do not depend on time (with Normalized: for all)'
    """

    guarantee = "exact for denoisers that do not depend on time (with Normalized: for all)"

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        if not process.prediction_free_rate:
            raise bad(
                "FirstHitting with the process", type(process).__name__, "Masked", "Use Ancestral for the others."
            )
        if not isinstance(guidance, RateGuidance):
            raise bad(
                f"FirstHitting with {type(guidance).__name__}, which acts on {guidance.level}",
                "no meaning in continuous time",
                listed(RateGuidance, tilted_landing=True),
                f"Samplers along a grid accept others: {listed(OnGrid)}.",
            )
        if not guidance.keeps_pace and getattr(denoiser, "time_dependent", False):
            warnings.warn(
                f"FirstHitting with {type(guidance).__name__} is not exact for a denoiser that depends on time: "
                "its prediction is frozen from one jump to the next",
                UserWarning,
                stacklevel=4,
            )

    def finished(self, run: Run, state: State) -> bool:
        return not bool(run.movable(state.tokens).any())

    def length(self, run: Run, state: State) -> int:
        return int(run.movable(state.tokens).sum(-1).max())

    def step(self, run: Run, state: State) -> State:
        self.check_unfinished(run, state)
        return _step_known_times(run, state) if run.known_jump_times else _step_race(run, state)


def _step_known_times(run: Run, state: State) -> State:
    """The pace is free of content: the shortest clock is hit, and its law is needed once, now."""
    plan = state.plan if isinstance(state.plan, _Hits) else _Hits.ahead(run, state)
    turn = state.index - plan.first
    chosen = (plan.count > turn).nonzero().squeeze(-1)
    position = plan.order[chosen, turn]
    time = run.process.noise.time(plan.level[:, turn])
    row = torch.arange(len(chosen), device=chosen.device) * run.length + position
    query = run.query_of((chosen, position), chosen, row, plan.cond[turn], plan.ref[turn])
    predictions = run.predict(state.tokens, time, query)
    weight, uniforms = plan.weight[chosen, turn], plan.uniforms[chosen, turn]
    draws = predictions.draw(weight, uniforms, partition=bool(run.observers))
    if run.observers:
        run.landed((chosen, position), plan.level[chosen, turn], draws)
    return State(
        state.tokens.index_put((chosen, position), draws.token),
        state.clocks - plan.wait[:, turn : turn + 1],
        state.jumps,
        state.forced,
        torch.where(plan.count > turn, time, state.time),
        state.index + 1,
        plan,
    )


@dataclass(frozen=True, eq=False)
class _Hits:
    """Who will be hit in each sample, in turn: all [B, turns], but for `count` [B] of them that are still masked."""

    first: int
    count: Tensor
    order: Tensor
    wait: Tensor
    level: Tensor
    weight: Tensor
    uniforms: Tensor
    cond: list[bool]
    ref: list[bool]

    @classmethod
    def ahead(cls, run: Run, state: State) -> _Hits:
        active = run.movable(state.tokens)
        count = active.sum(-1)
        turns = int(count.max())
        clocks, order = state.clocks.masked_fill(~active, math.inf).sort(-1)
        clocks, order = clocks[:, :turns], order[:, :turns]
        due = torch.arange(turns, device=count.device) < count.unsqueeze(-1)
        clocks = torch.where(due, clocks, 0.0)
        wait = torch.where(due, clocks.diff(dim=-1, prepend=torch.zeros_like(clocks[:, :1])), 0.0)
        level = run.process.noise.level(state.time).unsqueeze(-1) * torch.exp(-clocks)
        sample = torch.arange(len(count), device=count.device).unsqueeze(-1).expand(order.shape)
        weight = run.guidance.weight_at(level, run.rows[sample])
        uniforms = run.uniforms(Stream.LANDING, 0, (sample, order))
        cond, ref = run.calls_by_turn(
            weight[due], torch.arange(turns, device=count.device).expand(due.shape)[due], turns
        )
        return cls(state.index, count, order, wait, level, weight, uniforms, cond, ref)


def _step_race(run: Run, state: State) -> State:
    """The pace depends on content: whoever wins the race is hit."""
    race = _Race(run, state)
    samples = race.samples
    where = (samples, race.hit[samples])
    weight = run.guidance.weight_at(race.level[samples], run.rows[samples])
    predictions = race.predictions[race.row[where]]
    uniforms = run.uniforms(Stream.LANDING, 0, where)
    draws = predictions.draw(weight, uniforms, partition=bool(run.observers))
    if run.observers:
        run.landed(where, race.level[samples], draws)
    time = torch.where(race.active.any(-1), run.process.noise.time(race.level), state.time)
    tokens = state.tokens.index_put(where, draws.token)
    return State(tokens, race.clocks, race.jumps, state.forced, time, state.index + 1)


class _Race:
    """Who is hit next in each sample, and when: `hit` [B], `level` [B], with the clocks as they stand then.

    Predictions first, then clocks against a bound, and thinning.
    """

    def __init__(self, run: Run, state: State) -> None:
        self.run = run
        self.active = run.movable(state.tokens)
        self.samples = self.active.any(-1).nonzero().squeeze(-1)
        self.level = run.process.noise.level(state.time)
        self.clocks, self.jumps = state.clocks, state.jumps
        self.hit = torch.zeros_like(state.forced)
        self.edges = torch.tensor((0.0, *run.guidance.breakpoints), dtype=torch.float64, device=self.level.device)
        self.reach = torch.full_like(self.level, math.inf)
        where = self.active.nonzero().unbind(-1)
        weights = run.guidance.weights_below(self.level.max(), run.rows[self.samples])
        self.predictions = run.predict(state.tokens, state.time, run.query(where, weights))
        exact = all(rows.values.dtype == torch.float64 for rows in self.predictions.asked)
        self.hair = _HAIR if exact else _HAIR_OF_FLOAT32
        self.row = (self.active.flatten().cumsum(0) - 1).view_as(self.active)
        pending = self.samples
        while len(pending):
            pending = pending[~self._candidate(pending)]

    def _candidate(self, pending: Tensor) -> Tensor:
        """Run the clocks of the samples `pending` to the next candidate, or to the end of the segment on which they
        are bounded; return who was hit, [len(pending)]."""
        run, level = self.run, self.level[pending]
        low, log_speed = self._bounded(pending)
        clocks = self.clocks[pending]
        # In logs, since speeds may be beyond all numbers, and still one of them is the fastest.
        log_wait, first = (clocks.log() - log_speed).min(-1)
        log_left = torch.log(level / low).log()
        met = log_wait < log_left
        log_wait = torch.minimum(log_wait, log_left)
        used = torch.exp(log_speed + log_wait.unsqueeze(-1))
        self.clocks = self.clocks.index_copy(0, pending, (clocks - used).clamp_min(_TINY))
        narrow = level - low <= _NARROW * level
        later = (level * torch.exp(-torch.exp(log_wait))).clamp_min(_TINY)
        top, level = level, torch.where(met, later, low)
        self.level = self.level.index_copy(0, pending, level)
        # Thin the candidates: accept with probability Z_w(now) / bound; a rejected position gets a fresh clock.
        i = met.nonzero().squeeze(-1)
        at = (pending[i], first[i])
        weight = run.guidance.weight_at(_inside(level, low, top)[i], run.rows[pending[i]])
        bound = log_speed[i, first[i]]
        ratio = (bound if run.guidance.level_free else self._speeds(self.row[at], weight)) - bound
        if bool((ratio[~narrow[i]] > self.hair).any()):
            what = f"FirstHitting with {type(run.guidance).__name__}"
            expected = "a log_intensity that is convex in w, as log Z_w is"
            raise bad(what, "an exit rate above its bound", expected, "Use a sampler along a grid.")
        accepted = narrow[i] | (run.uniforms(Stream.ACCEPT, self.jumps[at], at).log() <= ratio)
        self.jumps = self.jumps.index_put(at, self.jumps[at] + 1)
        self.clocks = self.clocks.index_put(at, -run.uniforms(Stream.CLOCK, self.jumps[at], at).log())
        self.hit = self.hit.index_copy(0, at[0], at[1])
        return met.index_put((i,), accepted)

    def _bounded(self, pending: Tensor) -> tuple[Tensor, Tensor]:
        """Where the segment below the present level ends, [P], and the bound of log Z_w on it, [P, L].

        Segments end at breakpoints of the schedule, so that w is monotone on each, and are halved until log Z_w
        differs by no more than `_SPREAD` between their ends (or they have no width): few candidates are thinned.
        """
        level = self.level[pending]
        low = self.edges[torch.searchsorted(self.edges, level) - 1]
        # Not much wider than the last one that was good.
        low = torch.maximum(low, level - self.reach[pending])
        bound = torch.full(self.clocks[pending].shape, -math.inf, dtype=torch.float64, device=level.device)
        begin: Tensor | None = None  # what was found where a segment begins holds for a half of it too
        wide = torch.arange(len(pending), device=level.device)
        while len(wide):
            top, end = level[wide], low[wide]
            sample = self.run.rows[pending[wide]]
            first_w, last_w = (self.run.guidance.weight_at(_inside(m, end, top), sample) for m in (top, end))
            b, position = self.active[pending[wide]].nonzero().unbind(-1)
            at, rows = (wide[b], position), self.row[pending[wide[b]], position]
            known = None if begin is None else begin[at]
            first, last = self._ends(rows, first_w[b], last_w[b], known)
            begin = torch.empty_like(bound) if begin is None else begin
            begin[at], bound[at] = first, torch.maximum(first, last)
            steep = torch.zeros_like(top).index_put((b[(first - last).abs() > _SPREAD],), torch.ones_like(top[0])) > 0
            wide = wide[steep & (top - end > _NARROW * top)]
            low[wide] = (level[wide] + low[wide]) / 2
        self.reach = self.reach.index_copy(0, pending, 2 * (level - low))
        return low, bound

    def _ends(self, rows: Tensor, first: Tensor, last: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        """`_speeds` of some rows at two weights; those at the first may be `known`."""
        if known is not None:
            return known, self._speeds(rows, last)
        if torch.equal(first, last):
            return (self._speeds(rows, first),) * 2
        # A row for either weight in turn: where it is read again, it is at hand.
        both = self._speeds(rows.repeat_interleave(2), torch.stack((first, last), -1).flatten())
        return both[::2], both[1::2]

    def _speeds(self, rows: Tensor, weight: Tensor) -> Tensor:
        """log of how much faster than unguided the clocks of some rows run, [N]."""
        guidance = self.run.guidance
        assert isinstance(guidance, RateGuidance)
        return guidance.log_intensity(torch.zeros_like(weight), self.predictions[rows].log_z(weight))


def _inside(level: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """`level`, a hair away from the ends of its segment, where w may jump."""
    hair = 1e-9 * (high - low)
    return torch.minimum(torch.maximum(level, low + hair), high - hair)
