r"""`Normalized` with a bounded ratio of the two predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from dguide import Normalized
from dguide.guidance import normalise, tilt
from dguide.process import Jump

__all__ = ["Bounded"]


@dataclass(frozen=True, eq=False)
class Bounded(Normalized):
    r"""Lands on $q(y) \propto c(y) \left( \frac{c(y) + \varepsilon}{u(y) + \varepsilon} \right)^w$.

    c is the conditional law of the landing, and u that of the reference. Where both are far below the floor
    $\varepsilon$, the ratio is about 1: what the two predictions say of improbable tokens is not multiplied by w. As
    $\varepsilon \to 0$ this is `Normalized`. The exit rate is that of `Normalized`.
    """

    floor: float = 0.01
    tilted_landing = False

    def combine(self, cond: Jump, ref: Jump, weight: Tensor) -> Jump:
        floor = torch.full_like(cond.log_landing, math.log(self.floor))
        ratio = torch.logaddexp(cond.log_landing, floor) - torch.logaddexp(ref.log_landing, floor)
        log_landing, log_z = normalise(cond.log_landing + weight.unsqueeze(-1) * ratio)
        return Jump(self.log_intensity(tilt(cond.log_intensity, ref.log_intensity, weight), log_z), log_landing)
