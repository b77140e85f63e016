r"""Collocation at Radau points, which integrates a linear differential equation over one step.

The step has points $0 < c_1 < \dots < c_K = 1$. The solution of $p' = f$ is a polynomial with
$p(c_i) = p(0) + \sum_j A_{ij} f(c_j)$. The error of one step at its end is of order 2K (Radau IIA). Modes that decay
within much less than a step are damped.
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
        points: [K], the points c in (0, 1]; the last is 1.
        integral: [K, K], the matrix A.
        coefficients: [K + 1, K + 1], maps values at 0 and the points to Legendre coefficients of their polynomial.
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
    """Points and matrices for collocation at `order` points."""
    # At the right Radau points two successive Legendre polynomials are equal.
    roots = np.sort(legendre.legroots([0.0] * (order - 1) + [-1.0, 1.0]).real)
    roots[-1] = 1.0
    values = legendre.legvander(roots, order - 1)
    primitives = np.stack([legendre.legval(roots, legendre.legint(e, lbnd=-1)) for e in np.eye(order)], 1)
    integral = primitives @ np.linalg.inv(values) / 2
    through = np.linalg.inv(legendre.legvander(np.append(-1.0, roots), order))
    return Radau(*(torch.from_numpy(x) for x in ((roots + 1) / 2, integral, through)))
