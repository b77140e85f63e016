"""Samplers: ways from noise to data."""

from .ancestral import Ancestral
from .api import Samples, Trajectory, sample
from .base import Sampler, State
from .denoiser import Condition, Denoiser
from .diagnostics import Diagnostics, DiagnosticsTable
from .euler import Euler
from .first_hitting import FirstHitting
from .grid import GridSampler, RateSampler
from .grids import equal_work_grid
from .observe import Landing, Observer
from .on_grid import OnGrid, Stage, View
from .predict import Predictions, Query
from .remasking import Remasking
from .run import Calls, Run
from .smc import SMC, Particles
from .tau_leaping import TauLeaping
from .trapezoidal import Trapezoidal

__all__ = [
    "SMC",
    "Ancestral",
    "Calls",
    "Condition",
    "Denoiser",
    "Diagnostics",
    "DiagnosticsTable",
    "Euler",
    "FirstHitting",
    "GridSampler",
    "Landing",
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
    "Stage",
    "State",
    "TauLeaping",
    "Trajectory",
    "Trapezoidal",
    "View",
    "equal_work_grid",
    "sample",
]
