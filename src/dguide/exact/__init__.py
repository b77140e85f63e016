"""Small problems, solved exactly: the judge of every sampler."""

from .chain import chain
from .oracle import Oracle
from .problem import Problem
from .solve import Solution, solve
from .space import Space

__all__ = ["Oracle", "Problem", "Solution", "Space", "chain", "solve"]
