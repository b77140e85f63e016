"""Samplers: ways from noise to data."""

from ..denoiser import Condition, Denoiser
from ..extension import kebab
from ..spec import Registry
from .api import Samples, Trajectory, prepare, sample
from .blocks.sampler import Blocks
from .diagnostics import Diagnostics, DiagnosticsTable
from .first_hitting import FirstHitting
from .grid.ancestral import Ancestral
from .grid.base import OnGrid, Stage, StageInput
from .grid.euler import Euler
from .grid.remasking import Remasking
from .grid.steps import GridSampler, RateSampler
from .grid.tau_leaping import TauLeaping
from .grid.trapezoidal import Trapezoidal
from .grids import equal_work_grid
from .lengths import Lengths
from .predictions import Predictions, Query
from .run import Calls, Observer, Run
from .sampler import Sampler
from .smc import SMC, Particles
from .state import Landing, State
from .unmasking.base import Candidates, Unmasking
from .unmasking.confidence import LowConfidence, LowEntropy, Scored, TopMargin
from .unmasking.counts import Counted
from .unmasking.entropy_bounded import EntropyBounded
from .unmasking.halton import Halton

SAMPLERS: Registry[Sampler] = Registry(
    "sampler",
    Sampler,
    {
        kebab(cls): cls
        for cls in (
            Ancestral,
            Euler,
            TauLeaping,
            Trapezoidal,
            Remasking,
            FirstHitting,
            LowConfidence,
            TopMargin,
            LowEntropy,
            EntropyBounded,
            Halton,
            Blocks,
            SMC,
        )
    },
)
"""All samplers, by name."""

__all__ = [
    "SAMPLERS",
    "SMC",
    "Ancestral",
    "Blocks",
    "Calls",
    "Candidates",
    "Condition",
    "Counted",
    "Denoiser",
    "Diagnostics",
    "DiagnosticsTable",
    "EntropyBounded",
    "Euler",
    "FirstHitting",
    "GridSampler",
    "Halton",
    "Landing",
    "Lengths",
    "LowConfidence",
    "LowEntropy",
    "Observer",
    "OnGrid",
    "Particles",
    "Predictions",
    "Query",
    "RateSampler",
    "Remasking",
    "Run",
    "Sampler",
    "Samples",
    "Scored",
    "Stage",
    "StageInput",
    "State",
    "TauLeaping",
    "TopMargin",
    "Trajectory",
    "Trapezoidal",
    "Unmasking",
    "equal_work_grid",
    "prepare",
    "sample",
]
