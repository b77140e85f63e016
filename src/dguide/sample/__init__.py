"""Samplers: ways from noise to data."""

from .ancestral import Ancestral
from .api import Samples, Trajectory, sample
from .base import Sampler, State
from .blocks import Blocks
from .confidence import LowConfidence, LowEntropy, Scored, TopMargin
from .counts import Counted
from .denoiser import Condition, Denoiser
from .diagnostics import Diagnostics, DiagnosticsTable
from .entropy_bounded import EntropyBounded
from .euler import Euler
from .first_hitting import FirstHitting
from .grid import GridSampler, RateSampler
from .grids import equal_work_grid
from .halton import Halton
from .observe import Landing, Observer
from .on_grid import OnGrid, Stage, View
from .predict import Predictions, Query
from .remasking import Remasking
from .run import Calls, Run
from .smc import SMC, Particles
from .tau_leaping import TauLeaping
from .trapezoidal import Trapezoidal
from .unmasking import Turn, Unmasking

__all__ = [
    "SMC",
    "Ancestral",
    "Blocks",
    "Calls",
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
    "State",
    "TauLeaping",
    "TopMargin",
    "Trajectory",
    "Trapezoidal",
    "Turn",
    "Unmasking",
    "View",
    "equal_work_grid",
    "sample",
]
