"""Grids: what is one, and one by what a run of the model has shown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..errors import bad, choose, positive, with_data
from ..process import Process

__all__ = ["checked_grid", "equal_work_grid"]

_TILT = 1e-6
"""Share of the uniform grid, so that a curve that stands still can be inverted."""


def checked_grid(
    name: str, steps: int, grid: str | Sequence[float], names: Sequence[str], what: str
) -> tuple[int, str | tuple[float, ...]]:
    """Number of steps and grid of the sampler `name`: one of the grids `names`, or as many steps as it gives of `what`.

    Raises:
        ValueError: for steps below 1, an unknown name, or a grid that does not fall from 1 to 0.
    """
    if isinstance(grid, str):
        return positive(f"{name} steps", steps), choose("grid", grid, names)
    with_data(f"{name} grid", grid)
    try:
        marks = tuple(float(mark) for mark in grid)
    except (TypeError, ValueError):
        marks = ()
    if len(marks) < 2 or marks[0] != 1 or marks[-1] != 0 or not all(a > b for a, b in pairwise(marks)):
        raise bad(f"{name} grid", repr(grid), f"strictly decreasing {what} from 1 to 0")
    return len(marks) - 1, marks


def equal_work_grid(process: Process, levels: Tensor, masked_fraction: Tensor, steps: int) -> tuple[float, ...]:
    r"""Times between which the share u of masked positions falls by the same amount, 1 / `steps`.

    It is also the grid of least error to leading order, if positions depend on each other alike at all times: what goes
    wrong in `Ancestral` is that positions leave in one step, two given ones do so with probability
    $\sum_k (\Delta u_k)^2$, and that is smallest where all $\Delta u_k$ are equal. With `Normalized` u = m, and
    grid="work" is this grid. With `Unlocking` $u = m^{Z_w}$ for one position and constant w: most of the work is early,
    and u must be measured, as `Diagnostics` does (`edges`, `masked_fraction`), or solved for (`exact.solve`).

    Args:
        process: the masked process, whose noise schedule says what times the levels are.
        levels: noise levels, [K] from 0 to 1, in order, rising or falling.
        masked_fraction: share of positions still masked there, [K], from 0 at level 0 to 1 at level 1.
        steps: how many.

    Returns:
        Decreasing times from 1 to 0, for `grid` of any sampler along a grid.

    Raises:
        ValueError: for no process, a curve that is none, or less than one step.

    >>> import dguide
    >>> levels = torch.tensor([0.0, 0.5, 1.0])
    >>> dguide.equal_work_grid(dguide.Masked(2), levels, levels, steps=2)
    (1.0, 0.5, 0.0)
    """
    positive("equal_work_grid steps", steps)
    if not isinstance(process, Process):
        raise bad("equal_work_grid process", repr(process), "a process, as in Masked(vocab_size=16)")
    m, u = _curve("levels", levels), _curve("masked_fraction", masked_fraction)
    if m.ndim == 1 and m.shape == u.shape and len(m) > 1 and m[0] > m[-1]:
        m, u = m.flip(0), u.flip(0)
    ends = m.ndim == 1 and m.shape == u.shape and len(m) > 1 and m[0] == 0 and m[-1] == 1
    if not ends or not bool((m.diff() > 0).all()):
        raise bad("equal_work_grid levels", m.tolist(), "as many as fractions, in order from 0 to 1")
    if not bool((u.diff() >= -1e-9).all()) or abs(float(u[0])) > 1e-6 or abs(float(u[-1]) - 1) > 1e-6:
        raise bad("equal_work_grid masked_fraction", u.tolist(), "shares that rise from 0 to 1")
    u = (1 - _TILT) * u.clamp(0, 1).cummax(0).values + _TILT * m
    u[0], u[-1] = 0.0, 1.0
    wanted = 1 - torch.arange(steps + 1, dtype=torch.float64) / steps
    right = torch.searchsorted(u, wanted).clamp(1, len(u) - 1)
    share = (wanted - u[right - 1]) / (u[right] - u[right - 1])
    times = process.noise.time(m[right - 1] + share * (m[right] - m[right - 1])).tolist()
    return (1.0, *times[1:-1], 0.0)


def _curve(name: str, values: Tensor) -> Tensor:
    """Values of a curve as float64 on the CPU."""
    what = f"equal_work_grid {name}"
    with_data(what, values)
    try:
        return torch.as_tensor(values, dtype=torch.float64).cpu()
    except (TypeError, ValueError) as error:
        raise bad(what, repr(values), "a tensor of fractions") from error
