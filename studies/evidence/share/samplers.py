r"""Samplers that the question needs beside those of the library: tau-leaping without rejection, and as released.

`TauLeaping` draws a Poisson number of jumps with mean $\Lambda$ and accepts it if it is one. `Unrejected` takes the
first of the jumps, so it leaves with probability $1 - e^{-\Lambda}$: the same rates, held for the same step, without
the rejection. `Released` is `TauLeaping` with the grid and the end of the code that was released with arXiv 2507.08965.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

import dguide
from dguide import Decoding, TauLeaping
from dguide.categorical import Leaving
from dguide.guidance import Guidance, Transition
from dguide.process import Process
from dguide.samplers import RateSampler, Run, Sampler, Stage, StageInput, State

__all__ = ["SAMPLERS", "Released", "Unrejected", "made"]

END = 0.01
"""The time at which the released code stops and fills in what is still masked."""


@dataclass(frozen=True)
class Unrejected(RateSampler):
    r"""Leave with probability $1 - e^{-\Lambda}$, with the rates at the start of the step: the first of the jumps."""

    guarantee = "first order in the steps"
    leaving = Leaving.EXPONENTIAL

    def log_stay(self, log_intensity: Tensor) -> Tensor:
        return Leaving.EXPONENTIAL.log_stay(log_intensity)


@dataclass(frozen=True)
class Released(TauLeaping):
    """Tau-leaping whose last step takes the most probable token of $q_w$ at every position that is still masked."""

    guarantee = "first order in the steps, and sharper than the guided law in the last one"

    @classmethod
    def of(cls, calls: int) -> Released:
        """With as many network calls: calls - 1 leaps from t = 1 to `END`, and one to fill in the rest."""
        return cls(grid=(*torch.linspace(1, END, calls, dtype=torch.float64).tolist(), 0.0))

    def step(self, run: Run, state: State) -> State:
        last = self.length(run, state) == 1
        return super().step(run.altered(decoding=Decoding(temperature=0.0)) if last else run, state)

    def stages(self, process: Process, guidance: Guidance, time: Tensor, earlier: Tensor) -> tuple[Stage, ...]:
        (stage,) = super().stages(process, guidance, time, earlier)
        if float(process.noise.level(earlier)) > 0:
            return (stage,)

        def law(inputs: Sequence[StageInput], weight: Tensor) -> Transition:
            found = stage.law(inputs, weight)
            first = found.log_landing.argmax(-1, keepdim=True)
            return replace(found, log_landing=torch.full_like(found.log_landing, -torch.inf).scatter_(-1, first, 0.0))

        return (replace(stage, law=law),)


SAMPLERS: dict[str, Callable[[int], Sampler]] = {
    "Released": Released.of,
    "TauLeaping": dguide.TauLeaping,
    "Unrejected": Unrejected,
    "Euler": dguide.Euler,
    "Ancestral": dguide.Ancestral,
}
"""Samplers with a number of network calls T, by name. `FirstHitting` has none."""


def made(name: str, steps: int | None) -> Sampler:
    """The sampler of a name, with T network calls; None for `FirstHitting`."""
    return dguide.FirstHitting() if steps is None else SAMPLERS[name](steps)
