"""The master equation of the guided reverse process as an ordinary differential equation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import require
from ..guidance import RateGuidance, Schedule
from .predictions import Predictions
from .space import Space

__all__ = ["Field"]


class Field:
    """Right-hand side of the master equation, d law / d ell."""

    def __init__(self, space: Space, predictions: Predictions, guidance: RateGuidance, schedule: Schedule) -> None:
        self.space, self.predictions, self.guidance, self.schedule = space, predictions, guidance, schedule
        self.piece = (0.0, 1.0)
        self.to = space.destinations()

    def _flows(self, ell: float) -> Tensor:
        """Rates per unit of ell from each pair (state, position) to each token, [N, V]."""
        process = self.space.process
        odds = torch.tensor(ell, dtype=torch.float64)
        level = torch.sigmoid(odds)
        time = process.noise.time(level)
        laws = self.predictions(float(time))
        cond, ref = (process.rates(self.space.here, time, log_p) for log_p in laws)
        # A hair inside the piece, where a jump of w at its end does not count.
        low, high = self.piece
        inset = 1e-12 * (high - low)
        weight = self.schedule(level.clamp(low + inset, high - inset)).expand(len(self.space.state))
        jump = self.guidance.combine(cond, ref, weight)
        speed = torch.exp(jump.log_intensity) * level * torch.sigmoid(-odds)
        return speed.unsqueeze(-1) * jump.log_landing.exp()

    def __call__(self, ell: float, law: NDArray[np.float64]) -> NDArray[np.float64]:
        flow = torch.from_numpy(law)[self.space.state].unsqueeze(-1) * self._flows(ell)
        change = torch.zeros(len(law), dtype=torch.float64)
        change.index_add_(0, self.to.flatten(), flow.flatten())
        change.index_add_(0, self.space.state, -flow.sum(-1))
        return -change.numpy()

    def matrix(self, ell: float, law: NDArray[np.float64]) -> Any:
        """The Jacobian, sparse, from which implicit methods take their linear systems."""
        flow = self._flows(ell)
        source = self.space.state.unsqueeze(-1).expand_as(flow)
        rows = torch.cat((self.to.flatten(), self.space.state)).numpy()
        columns = torch.cat((source.flatten(), self.space.state)).numpy()
        values = torch.cat((-flow.flatten(), flow.sum(-1))).numpy()
        return require("scipy.sparse", "exact").csc_matrix((values, (rows, columns)), shape=(len(law), len(law)))

    def fastest(self, start: float, stop: float) -> float:
        """The largest exit rate of any state, per unit of ell, on a few points between `start` and `stop`."""
        fastest = 0.0
        for ell in np.linspace(start, stop, 17):
            exits = torch.zeros(len(self.space.tokens), dtype=torch.float64)
            exits.index_add_(0, self.space.state, self._flows(float(ell)).sum(-1))
            fastest = max(fastest, float(exits.max()))
        return fastest
