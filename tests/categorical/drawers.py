"""Every implementation of the guided draw, and the laws by definition that they are judged by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from dguide.categorical import Decoding, DrawRequest, Draws, LogitRows, compiled, guided, vectorised
from dguide.categorical.guided import Implementation
from dguide.random import Stream, uniform

HALF = (torch.bfloat16, torch.float16)
NOTHING = torch.zeros(0, dtype=torch.int64)


@dataclass(frozen=True)
class Drawer:
    """An implementation, what it can read, and how many draws from 126,464 tokens it does in half a second or less."""

    name: str
    fast: Implementation
    dtypes: tuple[torch.dtype, ...]
    budget: int
    missing: str = ""
    truncates: bool = True

    def __call__(
        self,
        cond: LogitRows,
        ref: LogitRows | None,
        weight: Tensor,
        uniforms: Tensor,
        decoding: Decoding | None = None,
        forbidden: Tensor = NOTHING,
        partition: bool = False,
        spread: bool = False,
    ) -> Draws:
        """Draw, from rows that it is expected to serve itself."""
        asked = DrawRequest(cond, ref, weight, uniforms, decoding or Decoding(), forbidden, partition, spread)
        draws, served = self.fast(asked)
        assert bool(served.all()), f"{self.name} left rows {(~served).nonzero().flatten().tolist()}"
        return draws

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let `guided_draw` use it."""
        patch.setattr(guided, "implementation", lambda device, dtype, decoding: self.fast)


def all_served(asked: DrawRequest) -> tuple[Draws, Tensor]:
    return vectorised.exact(asked), torch.ones(len(asked.cond), dtype=torch.bool)


NO_LIBRARY = "" if compiled.library() is not None else "no C compiler that works (see compiled.library)"
FAST = Drawer("fast", vectorised.fast, (torch.float32, *HALF), 1024)
EXACT = Drawer("exact", all_served, (torch.float64, torch.float32, *HALF), 128)
COMPILED = Drawer("compiled", compiled.fast, (torch.float32, *HALF), 6000, NO_LIBRARY, truncates=False)
DRAWERS = [FAST, EXACT, COMPILED]
"""To judge another implementation, name it here."""


def _param(drawer: Drawer, *more: object, name: str = "") -> object:
    marks = pytest.mark.skipif(bool(drawer.missing), reason=drawer.missing)
    return pytest.param(drawer, *more, marks=marks, id=name or drawer.name)


every_drawer = pytest.mark.parametrize("drawer", [_param(drawer) for drawer in DRAWERS])
every_kind = pytest.mark.parametrize(
    ("drawer", "dtype"),
    [_param(d, t, name=f"{d.name}-{str(t).removeprefix('torch.')}") for d in DRAWERS for t in d.dtypes],
)


def uniforms(count: int, seed: int = 0) -> Tensor:
    return uniform(seed, Stream.LANDING, torch.arange(count), torch.tensor(0))


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def repeated(logits: Tensor, count: int) -> LogitRows:
    """One row of logits, asked for `count` times."""
    return LogitRows(logits.view(1, -1), torch.zeros(count, dtype=torch.int64))


def full(count: int, value: float) -> Tensor:
    return torch.full((count,), value, dtype=torch.float64)


def guided_pair(log_q: Tensor, weight: float, dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits c and u in `dtype` whose guided law is about `log_q`."""
    u = noise(len(log_q), seed=seed).to(dtype)
    return ((log_q + weight * u.double()) / (1 + weight)).to(dtype), u


def removed(logits: Tensor, forbidden: Tensor = NOTHING) -> Tensor:
    """Log-law [N, V] in float64 without what is forbidden."""
    return logits.double().index_fill(-1, forbidden, -math.inf).log_softmax(-1)


def guided_law(cond: Tensor, ref: Tensor | None, weight: Tensor, forbidden: Tensor = NOTHING) -> Tensor:
    """log q_w [N, V] by definition, in float64."""
    return tilted(cond, ref, weight, forbidden).log_softmax(-1)


def tilted(cond: Tensor, ref: Tensor | None, weight: Tensor, forbidden: Tensor = NOTHING) -> Tensor:
    """log q_c^(1+w) q_u^(-w) [N, V], not normalised; what only the reference forbids is not tilted."""
    c = removed(cond, forbidden)
    if ref is None:
        return c
    u, w = removed(ref, forbidden), weight.unsqueeze(-1)
    z = torch.where(u.isneginf(), c, (1 + w) * c - w * u)
    return torch.where(w == -1, u, z.masked_fill(c.isneginf(), -math.inf))


def beyond(law: Tensor, uniforms: Tensor, token: Tensor) -> Tensor:
    """How far each uniform lies outside the share of its token, relative to the cumulative law [V] there."""
    cumulative = law.double().cumsum(0) / law.double().sum()
    upper, lower = cumulative[token], torch.cat((cumulative.new_zeros(1), cumulative[:-1]))[token]
    return torch.maximum(lower - uniforms, uniforms - upper).clamp_min(0) / uniforms
