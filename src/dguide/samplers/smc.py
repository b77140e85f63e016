r"""Sequential Monte Carlo: samples of the tilted target itself, in the limit of many particles.

Guidance tilts one landing at a time. Let $T(x) = p_c(x)^{1+w}\, p_u(x)^{-w}$ be the tilt of the whole. One position
after the other, with exact predictions, each token is drawn from $q_w = q_c^{1+w} q_u^{-w} / Z_w$, and so a sample with
probability

$$\prod_j q_w(y_j \mid y_{<j}) = T(x) \Big/ \prod_j Z_w(y_{<j}),$$

not in proportion to T(x): what lies ahead, $Z_w$ of the tokens to come, is left out. The product of these is its
importance weight. In general a landing on y, drawn with probability r(y), multiplies the weight by

$$q_c(y)^{1+w^*}\, q_u(y)^{-w^*} / r(y)$$

with $w^*$ the weight of the target and r any guided law, at any w.

Who lands when may depend on all that is decided already, on clocks and on rates, as in `Unlocking`: the factors above
multiply to $T(x) / \prod r$ in whatever order, and the probabilities of all orders that lead to one x, token by token
as x has it, add up to one. So they need no weight, nor do waiting times. (Weighing the paths of `Unlocking` against the
unguided pace instead gives the Feynman-Kac potential $\exp \int \sum_i (Z_i - 1)\, dm / m$ in place of $\prod Z_i$; its
mean is the same, but its variance is infinite as soon as the mean of $Z_i$ over the masked positions reaches 2.)

Partial samples with their weights stand for tilts of what is decided. So they may be resampled on the way, when few of
them carry most of the weight: of light particles none is left, of heavy ones there are several. The mean weight is, at
any number of particles, an unbiased estimate of $\sum_x p_c(x)^{1+w^*} p_u(x)^{-w^*}$, whose log is
$w^* D_{1+w^*}(p_c \Vert p_u)$.

Sources: Lee et al., "Debiasing guidance for discrete diffusion with sequential Monte Carlo", arXiv 2502.06079, and
Hasan et al., "Discrete Feynman-Kac correctors", arXiv 2601.10403, for the idea on discrete diffusion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ..categorical import draw, normalise, tilt
from ..denoiser import Denoiser, take
from ..errors import bad, number, positive
from ..extension import listed
from ..guidance import Constant, Guidance
from ..process import Process
from ..random import Stream
from .blocks.sampler import Blocks
from .first_hitting import FirstHitting
from .run import Observer, Run
from .sampler import Sampler
from .state import Landing, State
from .unmasking.base import Unmasking

__all__ = ["SMC", "Particles"]

_LAST = (1 << 24) - 1
"""The last draw of a stream."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Particles(State):
    """Where the particles of a batch stand: rows of the state are particles, K after K for each sample.

    Attributes:
        inner: the run of the particles.
        log_weight: [samples, K] float64.
    """

    inner: Run
    log_weight: Tensor


@dataclass(frozen=True)
class SMC(Sampler):
    r"""Weigh and resample several particles of another sampler, and return one of them for each sample.

    Particle k of sample i draws the randomness of sample i K + k of the other sampler; what is returned depends on
    seed, index, condition and settings only. A forward pass carries K rows for each sample of the batch.
    `Samples.log_normalizer` is log of the unbiased estimate of $\sum_x p_c^{1+w^*} p_u^{-w^*}$.

    With `FirstHitting` inside the limit of many particles is the tilted target, if the denoiser does not depend on time
    and its predictions fit together; otherwise the mean over orders (and times) of the product of tilted predictions.
    Along a grid predictions are frozen within a step: the limit is the same product, in which positions that leave in
    one step do so independently, averaged over who leaves when, and normalised; it tends to the target as steps grow in
    number. The guidance inside must allow whatever the target does. See the module for equations and sources.

    Args:
        particles: K.
        sampler: what moves the particles, for the masked process, with any guidance it knows.
        weight: $w^*$ of the target, at least -1; default the weight of the guidance, if it does not vary.
        threshold: resample a sample's particles when their effective number $(\sum w)^2 / \sum w^2$ falls below this
            share of K: 0 never, 1 whenever weights differ.

    Raises:
        ValueError: for particles below 1, a threshold outside [0, 1], a weight below -1, SMC within SMC, or a sampler
            whose choice of who lands depends on the token (`LowConfidence`).

    >>> import dguide
    >>> dguide.SMC(particles=8, weight=2.0).extra_weights
    (2.0,)
    """

    particles: int = 16
    sampler: Sampler = FirstHitting()
    weight: float | None = None
    threshold: float = 0.5

    in_blocks = False
    predictable = False  # resampling looks at the tokens
    guarantee = "exact in the limit of many particles, up to the steps of the sampler inside"

    def __post_init__(self) -> None:
        positive("SMC particles", self.particles)
        if not isinstance(self.sampler, Sampler):
            raise bad("SMC sampler", repr(self.sampler), f"an instance of {_inside()}")
        if isinstance(self.sampler, SMC):
            raise bad("SMC sampler", "another SMC", _inside(), "Raise particles.")
        if not self.sampler.predictable:
            raise bad(
                "SMC sampler",
                f"{self.sampler}, which keeps a token or not by what it is",
                "one that chooses who lands without it",
                f"Its tokens have no known probability to be weighed by. Use one of {_inside()}.",
            )
        if isinstance(self.sampler, Blocks) and not isinstance(self.sampler.sampler, Unmasking):
            got = f"Blocks around {type(self.sampler.sampler).__name__}, whose time starts anew in each block"
            raise bad("SMC sampler", got, f"Blocks around {listed(Unmasking, predictable=True)}")
        if self.weight is not None:
            object.__setattr__(self, "weight", number("SMC weight", self.weight))
            if not (math.isfinite(self.weight) and self.weight >= -1):
                raise bad("SMC weight", self.weight, "a finite number of at least -1")
        object.__setattr__(self, "threshold", number("SMC threshold", self.threshold))
        if not 0 <= self.threshold <= 1:
            raise bad("SMC threshold", self.threshold, "a number from 0 (never resample) to 1")

    @property
    def extra_weights(self) -> tuple[float, ...]:
        return self.sampler.extra_weights + (() if self.weight is None else (self.weight,))

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        if not process.prediction_free_rate:
            raise bad("SMC with the process", type(process).__name__, "Masked, whose tokens are decided once")
        if self.sampler.revisits:
            raise bad(
                "SMC sampler",
                type(self.sampler).__name__,
                "one by which each position lands once, on any token that guidance allows",
                f"Use one of {_inside()} inside.",
            )
        self.sampler.check(process, guidance, denoiser)
        varies = not isinstance(guidance.weight, Tensor) and type(guidance.weight) is not Constant
        if self.weight is None and varies:
            raise bad(
                "SMC weight",
                f"none, with the schedule {guidance.weight}",
                "the weight of the target",
                "Pass weight=, as in smc:weight=2.",
            )
        towards = type(guidance.weight) is Constant and guidance.weight.weight == -1
        if self.weight == -1 and not towards:
            raise bad(
                "SMC weight",
                f"-1 with {guidance}",
                "guidance of constant weight -1 inside",
                "What only the reference allows would never be drawn.",
            )

    def begin(self, run: Run) -> State:
        if int(run.index.max()) >= 2**63 // self.particles:
            raise bad("first_index", int(run.index[0]), f"indices below 2**63 / {self.particles}", "Number from 0.")
        if run.decoding.temperature == 0 or run.decoding.truncates:
            raise bad(
                "SMC with decoding", run.decoding, "proposals that allow whatever the target does", "Cut nothing."
            )
        count, k = len(run.index), self.particles
        rows = torch.arange(count, device=run.index.device).repeat_interleave(k)
        inner = replace(
            run,
            condition=take(run.condition, rows),
            reference=run.reference if callable(run.reference) else take(run.reference, rows),
            index=run.index[rows] * k + torch.arange(k, device=rows.device).repeat(count),
            rows=run.rows[rows],
            initial=None if run.initial is None else run.initial[rows],
            fixed=None if run.fixed is None else run.fixed[rows],
            extra_weights=self.extra_weights,
            rng_epoch=torch.zeros_like(rows),
        )
        log_weight = torch.zeros(count, k, dtype=torch.float64, device=rows.device)
        return self._next(run, _particles(self.sampler.begin(inner), inner, log_weight))

    def finished(self, run: Run, state: State) -> bool:
        return not isinstance(state, Particles)

    def length(self, run: Run, state: State) -> int:
        return self.sampler.length(state.inner, state) if isinstance(state, Particles) else 0

    def step(self, run: Run, state: State) -> State:
        self.check_unfinished(run, state)
        assert isinstance(state, Particles)
        weigher = _Weigher(self._target(state.inner), torch.zeros_like(state.clocks))
        moved = self.sampler.step(state.inner.altered(observers=(*run.observers, weigher)), state)
        if weigher.landings != int((moved.tokens != state.tokens).sum()):
            raise bad("SMC sampler", type(self.sampler).__name__, "one that reports its landings (Run.landed)")
        log_weight = state.log_weight + weigher.gain.sum(-1).view_as(state.log_weight)
        return self._next(run, _particles(moved, state.inner, log_weight))

    def _target(self, inner: Run) -> Tensor:
        """Weight of the target for each particle."""
        anywhere = torch.ones_like(inner.rows, dtype=torch.float64)
        return inner.guidance.weight_at(anywhere, inner.rows) if self.weight is None else anywhere * self.weight

    def _next(self, run: Run, state: Particles) -> State:
        """Resample the particles of those samples that need it; at the end, choose one for each sample."""
        k, samples = self.particles, torch.arange(len(state.log_weight), device=state.log_weight.device)
        log_shares, log_sum = normalise(state.log_weight)
        log_mean = log_sum - math.log(k)
        shares = torch.where(log_sum.isneginf().unsqueeze(-1), 1 / k, log_shares.exp())
        if self.sampler.finished(state.inner, state):
            # Not the draw of this step: how many steps the others in the batch took must not matter.
            u = run.uniforms(Stream.RESAMPLE, _LAST, (samples, torch.zeros_like(samples)))
            chosen = samples * k + draw(shares.log(), u)
            return replace(_rows(state, chosen), log_normalizer=log_mean)
        alive = state.inner.movable(state.tokens).any(-1)
        poor = alive.view_as(shares).any(-1) & (1 / shares.square().sum(-1) < self.threshold * k)
        if not bool(poor.any()):
            return state
        u = run.uniforms(Stream.RESAMPLE, state.index, (samples, torch.zeros_like(samples)))
        parents = torch.where(poor.unsqueeze(-1), _systematic(shares, u), torch.arange(k, device=u.device))
        ancestors = (samples.unsqueeze(-1) * k + parents).flatten()
        renewed = poor.repeat_interleave(k)
        assert state.inner.rng_epoch is not None
        inner = state.inner.altered(rng_epoch=state.inner.rng_epoch + renewed)
        moved = _rows(state, ancestors)
        # An exponential clock that has not run out yet is as good as new: copies part ways in time as well.
        clocks = torch.where(renewed.unsqueeze(-1), -inner.uniforms(Stream.CLOCK, 0).log(), moved.clocks)
        log_weight = torch.where(poor.unsqueeze(-1), log_mean.unsqueeze(-1), state.log_weight)
        return _particles(replace(moved, clocks=clocks), inner, log_weight)


def _inside() -> str:
    """Names of the samplers that can move particles."""
    return listed(Sampler, revisits=False, predictable=True)


class _Weigher(Observer):
    """Gathers what landings add to the log-weights, [particles, L]."""

    def __init__(self, target: Tensor, gain: Tensor) -> None:
        self.target, self.gain, self.landings = target, gain, 0

    def landed(self, run: Run, landing: Landing) -> None:
        cond, ref = landing.log_cond, landing.log_ref
        if cond is None or ref is None:
            tilted = ref if cond is None else cond
            assert tilted is not None
        else:
            tilted = tilt(cond, ref, self.target[landing.sample])
        self.gain[landing.sample, landing.position] = tilted - landing.log_proposal
        self.landings += len(landing.sample)


def _rows(state: State, rows: Tensor) -> State:
    tokens, clocks, jumps, forced, time = (
        x[rows] for x in (state.tokens, state.clocks, state.jumps, state.forced, state.time)
    )
    return State(tokens, clocks, jumps, forced, time, state.index, ancestors=rows)


def _particles(state: State, inner: Run, log_weight: Tensor) -> Particles:
    return Particles(**{f.name: getattr(state, f.name) for f in fields(State)}, inner=inner, log_weight=log_weight)


def _systematic(shares: Tensor, u: Tensor) -> Tensor:
    """Systematic resampling: [B, K] particles to go on, each K times its share in the mean; one uniform a row."""
    k = shares.shape[-1]
    cumulative = shares.cumsum(-1)
    marks = (torch.arange(k, device=u.device) + u.unsqueeze(-1)) / k * cumulative[:, -1:]
    last = k - 1 - (shares > 0).flip(-1).to(torch.uint8).argmax(-1, keepdim=True)
    return torch.minimum(torch.searchsorted(cumulative, marks, right=True), last)
