r"""*Synthetic* maps of the failed dies of a round wafer, without a pattern or with one of eight known patterns.

A pattern is a field $p(x, y)$ on the unit disc. Its place, size, angle and density are random in each map. A die at
(x, y) fails with probability $1 - (1 - \epsilon)(1 - p(x, y))$, where $\epsilon$ is the background noise. The edges of
a pattern are soft: a `sigmoid` of the distance to the edge, about one die wide.

The patterns have the names of WM-811K (Wu et al., "Wafer Map Failure Pattern Recognition and Similarity Ranking
for Large-Scale Data Sets", IEEE Transactions on Semiconductor Manufacturing 28, 2015). Nothing here is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import bad, positive
from ...spec import written
from ..base import Dataset, Split
from ..cache import cached
from ..codecs.pixels import Pixels
from ..condition import Label
from ..encoded import encoded
from ..holdout import in_turn

__all__ = ["PATTERNS", "wafer", "wafer_map"]

Field = NDArray[np.float64]
Pattern = Callable[[Field, Field, float, np.random.Generator], Field]
OUTSIDE, GOOD, FAILED = 0, 1, 2
PALETTE = ("#ffffff", "#d5dbe3", "#b2182b")


def none(x: Field, y: Field, soft: float, random: np.random.Generator) -> Field:
    """No pattern: p = 0."""
    return np.zeros_like(x)


def center(x: Field, y: Field, soft: float, random: np.random.Generator) -> Field:
    """A disc of radius 0.2 to 0.42 within 0.12 of the middle, density 0.65 to 0.95."""
    return random.uniform(0.65, 0.95) * _blob(x, y, *_near_middle(0.12, random), random.uniform(0.2, 0.42), soft)


def donut(x: Field, y: Field, soft: float, random: np.random.Generator) -> Field:
    """A ring of radius 0.4 to 0.58 and width 0.2 to 0.34 within 0.12 of the middle, density 0.6 to 0.9."""
    (a, b), radius = _near_middle(0.12, random), random.uniform(0.4, 0.58)
    off = np.abs(np.hypot(x - a, y - b) - radius)
    return random.uniform(0.6, 0.9) * _sigmoid((random.uniform(0.1, 0.17) - off) / soft)


def edge_loc(x: Field, y: Field, soft: float, random: np.random.Generator) -> Field:
    """An arc of 30 to 90 degrees of the edge, 0.15 to 0.32 deep, density 0.65 to 0.95."""
    across = _turned(x, y, random.uniform(-np.pi, np.pi))
    half = np.radians(random.uniform(15, 45))
    within = _sigmoid((half - np.abs(across)) * np.hypot(x, y) / soft)
    return random.uniform(0.65, 0.95) * within * _rim(x, y, random.uniform(0.15, 0.32), soft)


def edge_ring(x: Field, y: Field, soft: float, random: np.random.Generator) -> Field:
    """The edge, 0.1 to 0.2 deep, density 0.65 to 0.95; two of five maps have a gap of 30 to 100 degrees."""
    ring = random.uniform(0.65, 0.95) * _rim(x, y, random.uniform(0.1, 0.2), soft)
    across, half = _turned(x, y, random.uniform(-np.pi, np.pi)), np.radians(random.uniform(15, 50))
    gap = _sigmoid((half - np.abs(across)) * np.hypot(x, y) / soft)
    return ring * (1 - gap) if random.random() < 0.4 else ring


def loc(x: Field, y: Field, soft: float, random: np.random.Generator) -> Field:
    """An ellipse at 0.3 to 0.62 from the middle, half axes 0.16 to 0.3, density 0.65 to 0.95."""
    angle, distance, tilt = random.uniform(-np.pi, np.pi), random.uniform(0.3, 0.62), random.uniform(0, np.pi)
    a, b = random.uniform(0.16, 0.3, 2)
    u, v = x - distance * math.cos(angle), y - distance * math.sin(angle)
    along, aside = u * math.cos(tilt) + v * math.sin(tilt), v * math.cos(tilt) - u * math.sin(tilt)
    return random.uniform(0.65, 0.95) * _sigmoid((1 - np.hypot(along / a, aside / b)) * min(a, b) / soft)


def near_full(x: Field, y: Field, soft: float, random: np.random.Generator) -> Field:
    """Density 0.75 to 0.97 everywhere."""
    return np.full_like(x, random.uniform(0.75, 0.97))


def scattered(x: Field, y: Field, soft: float, random: np.random.Generator) -> Field:
    """Density 0.15 to 0.4 everywhere."""
    return np.full_like(x, random.uniform(0.15, 0.4))


def scratch(x: Field, y: Field, soft: float, random: np.random.Generator) -> Field:
    """One or two circular arcs of radius 0.8 to 4, each 0.5 to 1.3 long and one or two dies wide, 8 % missing."""
    field = np.zeros_like(x)
    for _ in range(1 if random.random() < 0.7 else 2):
        start, heading = _near_middle(0.75, random), random.uniform(-np.pi, np.pi)
        bend = random.choice((-1, 1)) / random.uniform(0.8, 4)
        steps = np.arange(0, random.uniform(0.5, 1.3), soft / 2)
        headings = heading + bend * steps
        line = np.stack(
            [start[0] + np.cumsum(np.cos(headings)) * soft / 2, start[1] + np.cumsum(np.sin(headings)) * soft / 2]
        )
        nearest = np.hypot(x[..., None] - line[0], y[..., None] - line[1]).min(-1)
        field = np.maximum(field, 0.92 * (nearest < 1.25 * soft))
    return field


PATTERNS: dict[str, Pattern] = {
    "None": none,
    "Center": center,
    "Donut": donut,
    "Edge-Loc": edge_loc,
    "Edge-Ring": edge_ring,
    "Loc": loc,
    "Near-full": near_full,
    "Random": scattered,
    "Scratch": scratch,
}
"""The patterns by name of class. With imbalance, the first is the most frequent."""


def wafer_map(pattern: str, size: int, noise: float, random: np.random.Generator) -> NDArray[np.uint8]:
    """One map: 0 outside the wafer, 1 a good die, 2 a failed one.

    Args:
        pattern: One of `PATTERNS`.
        size: Rows and columns.
        noise: Probability that a die outside the pattern fails.
        random: Random generator of the pattern and of the failures.

    Returns:
        The map, [size, size].
    """
    y, x = np.mgrid[:size, :size] * 2.0 / size + 1.0 / size - 1.0
    field = PATTERNS[pattern](x, y, 1.0 / size, random)
    fails = random.random((size, size)) < 1 - (1 - noise) * (1 - field)
    return np.where(np.hypot(x, y) <= 1, np.where(fails, FAILED, GOOD), OUTSIDE).astype(np.uint8)


def wafer(
    size: int = 24,
    count: int = 4500,
    noise: float = 0.02,
    imbalance: float = 1.0,
    seed: int = 0,
    tokenizer: Path | None = None,
) -> Dataset:
    """Synthetic wafer maps of nine classes: none and the eight patterns of `PATTERNS`.

    Map number i of a class depends only on seed, size, noise, class and i. The maps of each
    class are divided in their order: 70 % for training, 10 % for validation and 20 % for the test (`holdout.in_turn`).
    Equal maps are in one part; without noise all maps of None are equal.

    Args:
        size: Rows and columns of a map, at least 8.
        count: Number of maps.
        noise: Share of dies that fail without a pattern, from 0 to below 1.
        imbalance: Ratio of the number of maps of the most frequent class, None, to that of the rarest, Scratch. The
            other classes lie between them in geometric progression.
        seed: Seed of all random numbers.
        tokenizer: Folder of a tokenizer of images, whose codes are then the tokens.

    Raises:
        ValueError: If an argument is out of range, a class would have fewer than two maps, or the tokenizer is
            not one of such maps.
    """
    name = written("wafer", wafer, dict(locals()), full=False)
    if positive("size of wafer", size) < 8:
        raise bad("size of wafer", size, "at least 8 rows and columns")
    if not 0 <= noise < 1:
        raise bad("noise of wafer", noise, "a share from 0 to below 1")
    if not imbalance >= 1 or math.isinf(imbalance):
        raise bad("imbalance of wafer", imbalance, "a finite number of at least 1")
    if seed < 0:
        raise bad("seed of wafer", seed, "a number of at least 0")
    counts = _counts(count, imbalance)
    recipe = {"format": 1, "size": size, "noise": noise, "seed": seed, "counts": counts}
    arrays = cached("wafer", recipe, lambda: {"maps": _maps(counts, size, noise, seed)}, ("maps",))
    tokens = torch.from_numpy(arrays["maps"].astype(np.int64)).flatten(1)
    labels = torch.repeat_interleave(torch.arange(len(PATTERNS)), torch.tensor(counts))
    data = Dataset(
        name,
        *Split(tokens, labels).parts(in_turn(labels, tokens)),
        codec=Pixels(size, size, PALETTE),
        conditions=(Label(tuple(PATTERNS)),),
        synthetic=True,
    )
    return encoded(data, tokenizer)


def _maps(counts: list[int], size: int, noise: float, seed: int) -> NDArray[np.uint8]:
    maps = []
    for label, (name, count) in enumerate(zip(PATTERNS, counts, strict=True)):
        maps += [wafer_map(name, size, noise, np.random.default_rng((seed, label, index))) for index in range(count)]
    return np.stack(maps)


def _counts(count: int, imbalance: float) -> list[int]:
    """Number of maps of each class, `count` in all: a geometric progression, rounded by largest remainders."""
    classes = len(PATTERNS)
    shares = imbalance ** -(np.arange(classes) / (classes - 1))
    exact = shares / shares.sum() * count
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: count - counts.sum()]] += 1
    if counts.min() < 2:
        raise bad(
            "count of wafer", count, f"enough for two maps of each of {classes} classes at imbalance {imbalance:g}"
        )
    return [int(each) for each in counts]


def _sigmoid(z: Field) -> Field:
    return 0.5 * (1 + np.tanh(z))


def _blob(x: Field, y: Field, a: float, b: float, radius: float, soft: float) -> Field:
    """A disc around (a, b)."""
    return _sigmoid((radius - np.hypot(x - a, y - b)) / soft)


def _rim(x: Field, y: Field, depth: float, soft: float) -> Field:
    """The part of the wafer closer than `depth` to its edge."""
    return _sigmoid((np.hypot(x, y) - (1 - depth)) / soft)


def _turned(x: Field, y: Field, angle: float) -> Field:
    """Polar angles of the points relative to `angle`, from -pi to pi."""
    turned: Field = np.angle(np.exp(1j * (np.arctan2(y, x) - angle)))
    return turned


def _near_middle(radius: float, random: np.random.Generator) -> tuple[float, float]:
    """A uniform random point in the disc of this radius."""
    angle, distance = random.uniform(-np.pi, np.pi), radius * math.sqrt(random.random())
    return distance * math.cos(angle), distance * math.sin(angle)
