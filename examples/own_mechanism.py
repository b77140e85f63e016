"""Add a guidance mechanism of your own, and check it against its exact distribution.

A mechanism that acts on rates derives from `dguide.guidance.RateGuidance`. It says how the exit rate of a position
depends on the tilted exit rate and on the partition function Z_w, both given as logarithms. The mechanism of this
script, `Partial`, multiplies the tilted rate by Z_w to the power `share`: share 0 is `Normalized`, share 1 is
`Unlocking`.

The script solves a problem of two positions and three tokens exactly, for three shares. For each it prints two total
variation distances (TV): between 20,000 samples and the exact distribution of the mechanism, which is sampling error
only, and between this exact distribution and the tilted target distribution.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

import dguide
from dguide import exact
from dguide.guidance import RateGuidance, Schedule


@dataclass(frozen=True, eq=False)
class Partial(RateGuidance):
    r"""Exit rate $\lambda_c^{1+w} \lambda_u^{-w} Z_w^s$ with `share` s in [0, 1]."""

    weight: float | Tensor | Schedule
    share: float = 0.5
    keeps_pace = False  # the exit rate depends on the prediction, through Z_w

    def __post_init__(self) -> None:
        self._accept_weight()  # turns a number into a schedule, and refuses what is no weight

    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        """Log of the guided exit rate, from logs of the tilted rate and of Z_w."""
        return tilted + self.share * log_z


w, count = 2.0, 20_000
cond = torch.tensor([[1, 1, 63], [84, 1, 1], [1, 33, 19]]) / 204  # joint probabilities under the condition, [3, 3]
uncond = 0.2 * cond + 0.8 * torch.tensor([[140, 5, 14], [1, 2, 1], [2, 10, 26]]) / 201  # and without it
problem = exact.Problem(dguide.Masked(vocab_size=3), cond, uncond)
for share in (0.0, 0.5, 1.0):
    guidance = Partial(weight=w, share=share)
    solved = exact.solve(problem, guidance).final  # what the mechanism samples in continuous time, [3, 3]
    tokens = dguide.sample(
        problem.oracle(),  # the exact denoiser of the problem; its only class is 0
        process=problem.process,
        length=2,
        condition=torch.zeros(count, dtype=torch.int64),
        guidance=guidance,
        sampler=dguide.FirstHitting(),
    ).tokens
    drawn = torch.bincount(3 * tokens[:, 0] + tokens[:, 1], minlength=9).view(3, 3) / count
    error = exact.total_variation(drawn, solved)
    apart = exact.total_variation(solved, problem.target(w))
    print(f"share {share}: samples to exact distribution {error:.4f}, exact distribution to target {apart:.4f}")
