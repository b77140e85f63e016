"""How near reconstructed pictures are to their originals, picture by picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad

__all__ = ["MOST_DB", "WINDOW", "Fidelity", "decibels", "fidelity", "perplexity", "similarity"]

MOST_DB = 60.0
"""Equal pictures get this signal-to-noise ratio. Rounding to 8 bits alone leaves 59 dB."""
WINDOW = 8
"""Side of the square of the local error, in pixels; less for smaller pictures."""
_SIDE, _SIGMA = 11, 1.5
_STABLE = 0.01**2, 0.03**2


@dataclass(frozen=True, eq=False)
class Fidelity:
    r"""Figures of N pictures with values from 0 to 1.

    Args:
        error: Mean absolute error, [N].
        square: Mean squared error, [N].
        similarity: Structural similarity (`similarity`), [N].
        local: Largest root mean squared error of a square of `WINDOW` x `WINDOW` pixels, [N]. A small defect that is
            lost hardly changes the mean of the picture, but this.
        place: Row and column of the first pixel of that square, [N, 2].
    """

    error: NDArray[np.float64]
    square: NDArray[np.float64]
    similarity: NDArray[np.float64]
    local: NDArray[np.float64]
    place: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: list[Fidelity]) -> Fidelity:
        """The figures of several sets of pictures, in their order."""
        names = [each.name for each in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @property
    def noise(self) -> NDArray[np.float64]:
        """Peak signal-to-noise ratio of each picture, [N]."""
        return decibels(self.square)


def fidelity(real: Tensor, drawn: Tensor) -> Fidelity:
    """The figures of pictures [N, H, W, C] uint8 and of what was made of them.

    Raises:
        ValueError: If their shapes differ, or they are no bytes.
    """
    if real.shape != drawn.shape or real.dtype != torch.uint8 or drawn.dtype != torch.uint8:
        got = f"{drawn.dtype} {list(drawn.shape)}"
        raise bad("reconstructions", got, f"torch.uint8 {list(real.shape)}, one for each picture")
    one, two = (each.permute(0, 3, 1, 2).double().contiguous() / 255 for each in (real, drawn))
    apart = (one - two).abs()
    side = min(WINDOW, *one.shape[2:])
    means = F.avg_pool2d(apart.square().mean(1, keepdim=True), side, 1)
    local, first = means.clamp_min(0).sqrt().flatten(1).max(1)
    place = torch.stack([first // means.shape[3], first % means.shape[3]], 1)
    figures = (apart.mean((1, 2, 3)), apart.square().mean((1, 2, 3)), similarity(one, two), local, place)
    return Fidelity(*(figure.numpy() for figure in figures))


def decibels(square: NDArray[np.float64] | float) -> NDArray[np.float64]:
    r"""Peak signal-to-noise ratio $-10 \log_{10} s$ in dB of mean squared errors s; at most `MOST_DB`."""
    return np.asarray(-10 * np.log10(np.maximum(square, 10 ** (-MOST_DB / 10))))


def similarity(one: Tensor, two: Tensor) -> Tensor:
    r"""Structural similarity of pictures [N, C, H, W] with values from 0 to 1: its mean over places and channels, [N],

    $$\frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}{(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)},$$

    where means and variances are those in a Gaussian window of 11 x 11 pixels with $\sigma = 1.5$, or of the largest
    odd side that fits, $c_1 = 0.01^2$ and $c_2 = 0.03^2$. Only places where the whole window fits count.

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE Transactions
    on Image Processing 13, 2004. Own code: scikit-image would bring imageio and networkx for this one formula.
    """
    least = min(one.shape[2:])
    side = min(_SIDE, least - 1 + least % 2)
    line = torch.exp(-((torch.arange(side, dtype=one.dtype) - side // 2) ** 2) / (2 * _SIGMA**2))
    weights = (line / line.sum()).tolist()

    def mean(values: Tensor) -> Tensor:  # along one axis, then along the other; a convolution in float64 is far slower
        for axis in (3, 2):
            size, wider = values.shape[axis] - side + 1, values
            values = weights[0] * wider.narrow(axis, 0, size)
            for place, weight in enumerate(weights[1:], 1):
                values.add_(wider.narrow(axis, place, size), alpha=weight)
        return values

    first, second = mean(one), mean(two)
    spread = mean(one * one) - first**2, mean(two * two) - second**2, mean(one * two) - first * second
    near = (2 * first * second + _STABLE[0]) / (first**2 + second**2 + _STABLE[0])
    alike = (2 * spread[2] + _STABLE[1]) / (spread[0] + spread[1] + _STABLE[1])
    return (near * alike).mean((1, 2, 3))


def perplexity(tokens: Tensor) -> float:
    r"""How many codes tokens use in effect: $e^H$ with the entropy H of their shares in nats."""
    shares = tokens.flatten().bincount().double() / tokens.numel()
    return math.exp(float(torch.special.entr(shares).sum()))
