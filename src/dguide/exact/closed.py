r"""Closed forms of the guided masked process with exact predictions. The tests compare `exact.solve` with them.

m is the noise level, and $s = -\log m$ is taken as time. Masked position i leaves at the *pace* $v_i$. The pace is 1
for `Normalized`. For `Unlocking` it is $Z_i(x)$, the partition function of position i given the decided positions of
the state x. So

- one position: it is masked at noise level m with probability $F(m) = \exp(-\int_m^1 v(m') / m'\, dm')$, and the final
  distribution is $\int q_{w(m)}\, dF(m)$;
- constant w, any number of positions: position i is next with probability $v_i / \sum_j v_j$, at any time. One pass
  over the sets of decided positions gives the final distribution;
- the total variation to the start is the probability that a position has jumped. The total variation to the end is the
  probability that a mask is left.

Derivations: docs/theory.md. Sources: He, Rojas, Tao (arXiv 2506.10971) for one and two positions; Rojas et al.
(arXiv 2507.08965) for schedules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from itertools import combinations, pairwise

import numpy as np
import torch
from torch import Tensor

from ..errors import bad, in_tensor, number, with_data
from ..extension import listed
from ..guidance import Constant, RateGuidance, Schedule
from ..process import Jump
from .check import check_times
from .problem import Problem, check_problem
from .solve import Solution

__all__ = ["distance_to_data", "distance_to_noise", "jump_chain", "one_position", "renyi"]

_NODES, _SHARES = (torch.from_numpy(x) / 2 for x in np.polynomial.legendre.leggauss(32))
_NODES = _NODES + 0.5
_END = 45.0
"""A jump at a larger s counts as a jump at m = 0."""
_MOST = 2.0
"""The largest integral of the pace over one panel of the quadrature."""


def renyi(p: Tensor, q: Tensor, order: float) -> float:
    r"""Rényi divergence $D_a(p \Vert q) = \frac{1}{a - 1} \log \sum_x p(x)^a q(x)^{1 - a}$ in nats.

    At a = 1 it is the Kullback-Leibler divergence. At infinity it is $\log \max p / q$. For the predictions c and u,
    $\log Z_w = w D_{1+w}(c \Vert u)$. Source: van Erven and Harremoes (arXiv 1206.2459).

    Args:
        p, q: distributions of the same shape; q is positive wherever p is.
        order: a > 0, may be infinite.

    Raises:
        ValueError: for tensors that are no distributions or differ in shape, or an order that is not positive.
    """
    for name, law in (("p", p), ("q", q)):
        if not isinstance(law, Tensor) or not law.numel() or law.is_complex():
            raise bad(f"renyi {name}", type(law).__name__, "a tensor of probabilities", in_tensor(law))
        with_data(f"renyi {name}", law)
        if not (float(law.min()) >= 0 and abs(float(law.double().sum()) - 1) <= 1e-6):
            raise bad(f"renyi {name}", f"entries from {float(law.min())}, sum {float(law.sum())}", "a distribution")
    if p.shape != q.shape:
        raise bad("renyi shapes", (tuple(p.shape), tuple(q.shape)), "the same shape")
    a = number("renyi order", order)
    if not a > 0:
        raise bad("renyi order", order, "a number above 0")
    there = p > 0
    log_p, log_q = p[there].double().log(), q[there].double().log()
    if bool(log_q.isinf().any()):
        raise bad("renyi q", "zero where p is not", "a distribution that is positive wherever p is")
    ratio = log_p - log_q
    if math.isinf(a):
        return float(ratio.max())
    if abs(a - 1) < 1e-7:
        return float((log_p.exp() * ratio).sum())
    return float(torch.logsumexp(log_p + (a - 1) * ratio, 0)) / (a - 1)


def one_position(problem: Problem, guidance: RateGuidance, times: Tensor | None = None) -> Solution:
    r"""One masked position under any schedule: $\int q_{w(m)}\, dF(m)$ with $F(m) = e^{-\int_m^1 v(m') / m' dm'}$.

    For `Normalized` F(m) = m. The final distribution is the plain average of $q_{w(m)}$ over the noise level, and early
    and late weights count the same. For `Unlocking` $v = Z_{w(m)}$. With constant w, $F(m) = m^{Z_w}$, and the final
    distribution is $q_w$ for both. The method is Gauss-Legendre quadrature in $s = -\log m$, split at the breakpoints
    of the schedule. Source: arXiv 2507.08965.

    Args:
        problem: the masked process, one position.
        guidance: a mechanism that acts on rates, with a number or a schedule as weight.
        times: the times of the reported masked fractions F; by default 101 equidistant times from 1 to 0.

    Raises:
        ValueError: for another process or number of positions, or a mechanism or weight without a closed form.
    """
    schedule = _schedule(problem, guidance, "one_position")
    if problem.positions != 1:
        raise bad("one_position problem", f"{problem.positions} positions", "1", "Use jump_chain or solve for more.")
    times = torch.linspace(1, 0, 101, dtype=torch.float64) if times is None else times
    times = check_times("one_position", times, dims=1).sort(descending=True).values
    m, chance, left = _first_jump(problem, guidance, schedule, problem.process.noise.level(times))
    landing = _next_jumps(problem, guidance, (), schedule(m))[0].log_landing.exp()
    return Solution(chance @ landing, times, left)


def jump_chain(problem: Problem, guidance: RateGuidance) -> Tensor:
    r"""The final distribution of the masked process for constant w and any number of positions d.

    Write $T = p_c^{1+w} p_u^{-w}$, and $Z_i(x_A)$ for the partition function of position i given the decided positions
    A. $\sigma$ runs over all orders of the positions. `Normalized` gives
    $\frac{T(x)}{d!} \sum_\sigma \prod_k 1 / Z_{\sigma_k}(x_{\sigma_{<k}})$. `Unlocking` gives
    $T(x) \sum_\sigma \prod_k 1 / \sum_j Z_j(x_{\sigma_{<k}})$, where j runs over the masked positions. One pass over
    the $2^d$ sets of decided positions replaces the d! orders. Source: arXiv 2506.10971 for d = 2.

    Returns:
        [V] * d float64.

    Raises:
        ValueError: for another process, a mechanism without rates, or a weight that is not constant.
    """
    schedule = _schedule(problem, guidance, "jump_chain")
    weight = torch.tensor(_constant(schedule, "jump_chain"), dtype=torch.float64)
    everywhere = tuple(range(problem.positions))
    visits: dict[tuple[int, ...], Tensor] = {(): torch.ones([1] * problem.positions, dtype=torch.float64)}
    for decided in _subsets(problem):
        jumps = _next_jumps(problem, guidance, decided, weight)
        paces = {i: jump.log_intensity.unsqueeze(i) for i, jump in jumps.items()}
        total = reduce(torch.logaddexp, paces.values())
        for i, jump in jumps.items():
            share = torch.where(total.isneginf(), 0.0, (paces[i] - total).exp())
            flow = visits[decided] * share * jump.log_landing.exp().movedim(-1, i)
            after = tuple(sorted((*decided, i)))
            visits[after] = visits[after] + flow if after in visits else flow
    return visits[everywhere]


def distance_to_noise(problem: Problem, guidance: RateGuidance, times: Tensor) -> Tensor:
    r"""Total variation between the distribution at `times` and the start, $1 - e^{-\int_m^1 \sum_i v_i / m'\, dm'}$.

    It is the probability that some position has jumped. $v_i$ are the paces of the fully masked state. For `Normalized`
    it is $1 - m^d$. For `Unlocking` with constant w it is $1 - m^{\sum_i Z_i}$. With $\alpha = 1 - t$ and the elapsed
    time $\tau = 1 - t$ the first is $1 - (1 - \tau)^d$. Source: arXiv 2507.08965.

    Returns:
        the shape of `times`, float64.

    Raises:
        ValueError: for another process, or a mechanism or a weight without a closed form.
    """
    schedule = _schedule(problem, guidance, "distance_to_noise")
    levels = problem.process.noise.level(check_times("distance_to_noise", times))
    return 1 - _first_jump(problem, guidance, schedule, levels.flatten())[2].view(levels.shape)


def distance_to_data(problem: Problem, guidance: RateGuidance, times: Tensor) -> tuple[Tensor, Tensor]:
    r"""Bounds of the total variation between the distribution at `times` and the final one, for constant w.

    The total variation is the probability that a mask is left, because states without masks only gain probability. If
    all paces in the states that can occur lie between $v_-$ and $v_+$, then
    $$1 - (1 - m^{v_+})^d \le TV \le 1 - (1 - m^{v_-})^d.$$
    Both bounds are $1 - (1 - m)^d$ for `Normalized`. For one position under `Unlocking` both are $m^{Z_w}$, which
    decays doubly exponentially in w, because $e^{w KL} \le Z_w \le e^{w D_\infty}$. For two or more positions it does
    so only if no conditional distribution of the last position equals that of the reference (docs/theory.md). Source:
    arXiv 2506.10971.

    Returns:
        (lower, upper), each of the shape of `times`, float64.

    Raises:
        ValueError: for another process, a mechanism without rates, or a weight that is not constant.
    """
    schedule = _schedule(problem, guidance, "distance_to_data")
    weight = torch.tensor(_constant(schedule, "distance_to_data"), dtype=torch.float64)
    levels = problem.process.noise.level(check_times("distance_to_data", times))
    seen = []
    for decided in _subsets(problem):
        reached = _marginal(problem.uncond if weight == -1 else problem.cond, decided) > 0
        for i, jump in _next_jumps(problem, guidance, decided, weight).items():
            seen.append(jump.log_intensity[reached.select(i, 0)].exp())
    paces = torch.cat(seen)
    slow, fast = (-torch.expm1(problem.positions * torch.log1p(-(levels**v))) for v in (paces.min(), paces.max()))
    return fast, slow


def _schedule(problem: Problem, guidance: RateGuidance, what: str) -> Schedule:
    """The schedule of the guidance. Raises `ValueError` if the problem or the guidance has no closed form."""
    check_problem(what, problem)
    if not (problem.process.prediction_free_rate and problem.process.time_agnostic):
        raise bad(f"{what} process", problem.process.name, "the masked process", "Use exact.solve.")
    if not isinstance(guidance, RateGuidance):
        raise bad(f"{what} guidance", type(guidance).__name__, listed(RateGuidance))
    if not isinstance(guidance.weight, Schedule):
        raise bad(f"{what} weight", "a tensor", "a number or a schedule")
    return guidance.weight


def _constant(schedule: Schedule, what: str) -> float:
    if not isinstance(schedule, Constant):
        raise bad(f"{what} weight", schedule, "a constant weight", "Use exact.solve for a schedule.")
    return schedule.weight


def _first_jump(
    problem: Problem, guidance: RateGuidance, schedule: Schedule, levels: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Noise levels [N] from 1 to 0, the probability [N] of the first jump there, and that of no jump until `levels`."""

    def pace(s: Tensor) -> Tensor:
        jumps = _next_jumps(problem, guidance, (), schedule(torch.exp(-s)))
        return sum((jump.log_intensity.exp().view(s.shape) for jump in jumps.values()), torch.zeros(()))

    asked = (-levels.log()).clamp(0, _END).tolist()
    edges = sorted({0.0, _END, *asked, *(-math.log(b) for b in schedule.breakpoints)})
    panels, left, at = list(pairwise(edges))[::-1], 1.0, {0.0: 1.0}
    nodes, chances = [], []
    while panels:
        start, stop = panels.pop()
        s = start + (stop - start) * _NODES
        density = pace(s) * (stop - start)
        total = float(density @ _SHARES)
        at_once = stop - start < 1e-12 * (1 + start)  # the pace is too large for float64
        if not (at_once or (total <= _MOST and stop - start <= 1)):
            middle = (start + stop) / 2
            panels += [(middle, stop), (start, middle)]
            continue
        spent = (pace(start + (s - start).unsqueeze(-1) * _NODES) @ _SHARES) * (s - start)
        nodes.append(torch.exp(-s))
        chances.append(left * _SHARES * (1.0 if at_once else density * torch.exp(-spent)))
        left *= 0.0 if at_once else math.exp(-total)
        at[stop] = left
        if left < 1e-30:
            break
    nodes.append(torch.zeros(1, dtype=torch.float64))
    chances.append(torch.full((1,), left, dtype=torch.float64))
    held = [at.get(s, 0.0) if m > 0 else 0.0 for s, m in zip(asked, levels.tolist(), strict=True)]
    return torch.cat(nodes), torch.cat(chances), torch.tensor(held, dtype=torch.float64)


def _subsets(problem: Problem) -> Iterator[tuple[int, ...]]:
    """All sets of decided positions except the full set, smaller sets first."""
    for size in range(problem.positions):
        yield from combinations(range(problem.positions), size)


def _marginal(table: Tensor, decided: tuple[int, ...]) -> Tensor:
    """The distribution of the decided positions, with axes of size 1 for the others."""
    masked = [i for i in range(table.ndim) if i not in decided]
    return table.sum(masked, keepdim=True) if masked else table


def _next_jumps(problem: Problem, guidance: RateGuidance, decided: tuple[int, ...], weight: Tensor) -> dict[int, Jump]:
    """Pace and landing distribution of each masked position i, given the decided positions.

    The pace has the axes of the table without axis i; the landing has axis i last. `weight` broadcasts with the pace.
    """
    jumps = {}
    for i in range(problem.positions):
        if i not in decided:
            cond, ref = (_given(law, decided, i).log() for law in (problem.cond, problem.uncond))
            w = weight.broadcast_to(torch.broadcast_shapes(weight.shape, cond.shape[:-1]))
            unit = torch.zeros_like(w)
            jumps[i] = guidance.combine(Jump(unit, cond), Jump(unit, ref), w)
    return jumps


def _given(table: Tensor, decided: tuple[int, ...], i: int) -> Tensor:
    """The distribution of position i (last axis) given the decided positions; 0 where these have probability 0."""
    joint = _marginal(table, (*decided, i)).movedim(i, -1)
    return (joint / joint.sum(-1, keepdim=True)).nan_to_num(0.0)
