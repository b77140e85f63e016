"""Samplers: ways from noise to data."""

from .ancestral import Ancestral
from .api import Samples, Trajectory, sample
from .base import Sampler, State
from .denoiser import Condition, Denoiser
from .euler import Euler
from .first_hitting import FirstHitting
from .grid import GridSampler, RateSampler
from .run import Calls, Run
from .tau_leaping import TauLeaping

__all__ = [
    "Ancestral",
    "Calls",
    "Condition",
    "Denoiser",
    "Euler",
    "FirstHitting",
    "GridSampler",
    "RateSampler",
    "Run",
    "Sampler",
    "Samples",
    "State",
    "TauLeaping",
    "Trajectory",
    "sample",
]
