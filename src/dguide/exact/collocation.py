r"""Collocation at Radau points: how a law is carried over one step of a linear differential equation.

On $0 < c_1 < \dots < c_K = 1$ the solution of $p' = f$ is a polynomial with $p(c_i) = p(0) + \sum_j A_{ij} f(c_j)$. At
the end of a step the error is of order 2K (Radau IIA), and the method damps what decays faster than a step can see.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.polynomial import legendre
from torch import Tensor

__all__ = ["Radau", "radau"]


@dataclass(frozen=True, eq=False)
class Radau:
    """Points and matrices of one order, all float64.

    Attributes:
        points: [K], c on (0, 1], the last is 1.
        integral: [K, K], A.
        coefficients: [K + 1, K + 1], Legendre coefficients of the polynomial through 0 and the points.
    """

    points: Tensor
    integral: Tensor
    coefficients: Tensor

    def between(self, values: Tensor, at: Tensor) -> Tensor:
        """The polynomial through `values` [K + 1] at 0 and the points, evaluated `at` [M] in [0, 1]."""
        basis = legendre.legvander(2 * at.numpy() - 1, len(self.points))
        return torch.from_numpy(basis) @ (self.coefficients @ values)


@lru_cache
def radau(order: int) -> Radau:
    """Collocation at `order` points."""
    # The right Radau points are where two successive Legendre polynomials agree.
    roots = np.sort(legendre.legroots([0.0] * (order - 1) + [-1.0, 1.0]).real)
    roots[-1] = 1.0
    values = legendre.legvander(roots, order - 1)
    primitives = np.stack([legendre.legval(roots, legendre.legint(e, lbnd=-1)) for e in np.eye(order)], 1)
    integral = primitives @ np.linalg.inv(values) / 2
    through = np.linalg.inv(legendre.legvander(np.append(-1.0, roots), order))
    return Radau(*(torch.from_numpy(x) for x in ((roots + 1) / 2, integral, through)))
