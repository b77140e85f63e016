"""Sequential Monte Carlo by number of particles. With many particles it samples the tilted target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...exact import Problem, solve, total_variation
from ...guidance import Normalized, RateGuidance, Unlocking
from ...plots.style import COLOURS, LINES, MARKS
from ...samplers import SMC, sample
from .base import TheoryFigure, frame, panels
from .problems import rings

__all__ = ["Particles", "compute", "draw", "empirical", "figure", "sampling_noise"]

WEIGHT = 3.0
PARTICLES = (1, 2, 4, 8, 16, 32)
SAMPLES = 10_000
_DRAWS = 400


@dataclass(frozen=True, eq=False)
class Particles:
    """The data of the figure.

    Args:
        problem: Name of the problem.
        weight: The weight w.
        samples: Number of samples for each point.
        particles: Numbers of particles, [K].
        distance: Total variation of the samples to the tilted target, [K], by mechanism of the particles.
        one: Exact total variation of the mechanism without particles, by mechanism.
        noise: Total variation of equally many samples of the target: mean, 2.5 % and 97.5 % quantile, [3].
        exact: Normalising constant of the target.
        estimate: Mean of the estimates of this constant, [K], by mechanism.
        error: Standard error of this mean, [K], by mechanism.
    """

    problem: str
    weight: float
    samples: int
    particles: tuple[int, ...]
    distance: dict[str, Tensor]
    one: dict[str, float]
    noise: Tensor
    exact: float
    estimate: dict[str, Tensor]
    error: dict[str, Tensor]


def empirical(tokens: Tensor, vocab: int) -> Tensor:
    """The empirical distribution of `tokens` [B, d] as a joint table [V] * d."""
    d = tokens.shape[1]
    code = (tokens * vocab ** torch.arange(d - 1, -1, -1)).sum(-1)
    return torch.bincount(code, minlength=vocab**d).view([vocab] * d).double() / len(tokens)


def sampling_noise(law: Tensor, samples: int, seed: int = 0) -> Tensor:
    """Total variation between `law` and its empirical distribution: mean, 2.5 % and 97.5 % quantile, [3]."""
    generator = torch.Generator().manual_seed(seed)
    flat = law.flatten()
    distances = torch.tensor(
        [
            total_variation(
                torch.bincount(flat.multinomial(samples, True, generator=generator), minlength=len(flat)) / samples,
                flat,
            )
            for _ in range(_DRAWS)
        ],
        dtype=torch.float64,
    )
    return torch.stack((distances.mean(), *distances.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))))


def compute(
    problem: Problem, particles: tuple[int, ...] = PARTICLES, samples: int = SAMPLES, weight: float = WEIGHT
) -> Particles:
    """Samples a problem with each number of particles and each mechanism, seed 0."""
    target = problem.target(weight)
    inside: dict[str, RateGuidance] = {"Normalized": Normalized(weight), "Unlocking": Unlocking(weight)}
    distance, estimate, error = {}, {}, {}
    for name, guidance in inside.items():
        rows = []
        for count in particles:
            drawn = sample(
                problem.oracle(),
                process=problem.process,
                length=problem.positions,
                condition=torch.zeros(samples, dtype=torch.int64),
                guidance=guidance,
                sampler=SMC(particles=count),
                batch_size=1000,
            )
            assert drawn.log_normalizer is not None
            z = drawn.log_normalizer.exp()
            law = empirical(drawn.tokens, problem.process.vocab_size)
            rows.append((float(total_variation(law, target)), float(z.mean()), float(z.std()) / math.sqrt(samples)))
        distance[name], estimate[name], error[name] = torch.tensor(rows, dtype=torch.float64).T
    one = {name: float(total_variation(solve(problem, guidance).final, target)) for name, guidance in inside.items()}
    noise = sampling_noise(target, samples)
    exact = math.exp(problem.log_z(weight))
    return Particles(problem.name, weight, samples, particles, distance, one, noise, exact, estimate, error)


def draw(data: Particles) -> Any:
    """Draws the distance to the target and the estimated normalising constant, by number of particles."""
    fig, axes = panels(2, 3.9)
    far, constant = axes[0]
    mean, low, high = data.noise.tolist()
    far.fill_between(
        data.particles, low, high, color="0.85", label=f"{data.samples:,} samples of the target itself, 95 %"
    )
    far.plot(data.particles, [mean] * len(data.particles), color="0.5", linewidth=1)
    for k, (name, distance) in enumerate(data.distance.items()):
        look = {"color": COLOURS[name], "marker": MARKS[name], "markerfacecolor": "white"}
        far.plot(data.particles, distance, LINES[name], label=f"SMC with {name}", **look)
        far.plot([data.particles[0]], [data.one[name]], "_", color=COLOURS[name], markersize=22, markeredgewidth=2)
        shift = [count * (1 + 0.06 * (k - 0.5)) for count in data.particles]
        constant.errorbar(
            shift,
            data.estimate[name],
            2 * data.error[name],
            linestyle="none",
            capsize=3,
            label=f"SMC with {name}",
            **look,
        )
    constant.axhline(data.exact, color="0.3", linewidth=1.2)
    constant.annotate(
        f"exact\n{data.exact:.3f}", (1, data.exact), (1.01, data.exact), xycoords=("axes fraction", "data"),
        fontsize=9, va="center", annotation_clip=False,
    )  # fmt: skip
    frame(far, "(a) distance to the tilted target", "particles", "total variation, samples to target")
    frame(constant, "(b) its normalising constant", "particles", "mean estimate, two standard errors")
    for axis in axes[0]:
        axis.set_xscale("log", base=2)
        axis.set_xticks(data.particles, [str(k) for k in data.particles])
        axis.legend(fontsize=9, frameon=False, loc="upper right" if axis is far else "lower right")
    far.set_ylim(0, None)
    return fig


def figure() -> TheoryFigure:
    """The figure of sequential Monte Carlo."""
    data = compute(rings(8))
    most = data.particles[-1]
    ends = ", ".join(
        f"with {name} from {float(curve[0]):.3f} (exactly {data.one[name]:.3f}) to {float(curve[-1]):.3f}"
        for name, curve in data.distance.items()
    )
    off = max(float(((data.estimate[name] - data.exact) / data.error[name]).abs().max()) for name in data.estimate)
    caption = f"""
**Problem.** Two positions, {data.problem}, constant $w = {data.weight:g}$; {data.samples:,} samples a point, seed 0.
**Formula.** Guided samples have the target distribution $T ~ p_c^(1+w) p_u^(-w)$ if they are weighted by the factors of
$Z_w$ that guidance leaves out. `SMC` has several particles for each sample. It weights and resamples them, and returns
one. The mean of the weights is an unbiased estimate of $Z = sum p_c^(1+w) p_u^(-w)$.

(a) One particle is guidance without SMC. From one to {most} particles the distance goes {ends}. Equally many samples of
the target itself have the distance {float(data.noise[0]):.3f} (95 % of them {float(data.noise[1]):.3f} to
{float(data.noise[2]):.3f}); smaller distances cannot be measured. Short bars: the exact distances without SMC. (b) For
every number of particles the mean of the estimates should be the exact constant, {data.exact:.3f}. Of
{2 * len(data.particles)} means, the furthest is {off:.1f} standard errors away. The price: each network call processes
all particles of a sample."""
    alt = """Left: distance to the target by number of particles, with the sampling noise. Right: estimates of the
    normalising constant with their errors, and the exact value."""
    return TheoryFigure("particles", "Sequential Monte Carlo reaches the target", draw(data), caption, alt, data)
