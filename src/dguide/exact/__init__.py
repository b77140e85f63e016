"""Exact distributions of guided samples for small problems. The tests compare all samplers with them."""

from . import random_problems
from .chain import chain
from .closed import distance_to_data, distance_to_noise, jump_chain, one_position, renyi
from .optimal import Optimum, kl_divergence, optimal_schedule, total_variation
from .oracle import Oracle
from .problem import Problem
from .solve import Solution, solve
from .space import Space

__all__ = [
    "Optimum",
    "Oracle",
    "Problem",
    "Solution",
    "Space",
    "chain",
    "distance_to_data",
    "distance_to_noise",
    "jump_chain",
    "kl_divergence",
    "one_position",
    "optimal_schedule",
    "random_problems",
    "renyi",
    "solve",
    "total_variation",
]
