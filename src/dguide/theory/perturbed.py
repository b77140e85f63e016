r"""A denoiser with errors like those of a trained one: small for frequent contexts, larger for rare contexts.

A context x is the set of tokens that are not masked. Of N training examples about $N p_k(x)$ have the context x under
label k, so the standard error of a logit there is about $1 / \sqrt{N p_k(x)}$. Here each logit gets a normal error with
standard deviation

$$\sigma_k(x) = \sigma \,/\, \sqrt{1 + N p_k(x)}.$$

Before that, the prediction is mixed with the uniform distribution, which has the share
$s\, \sigma_k^2 / (1 + \sigma_k^2)$. Guidance depends on the ratio of the two predictions. Errors that both share cancel
in this ratio; other errors are multiplied by the weight.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..errors import bad
from ..exact import Problem
from ..process import Process

__all__ = ["Perturbed"]


class Perturbed:
    """The exact denoiser of a masked problem, with errors that are a fixed function of state, position and token.

    Args:
        problem: the problem; conditions are as in `Problem.oracle`.
        scale: $\\sigma$, the standard deviation of the error of a logit in a context without examples.
        shared: the share of the error variance that is common to both predictions, 0 to 1.
        examples: N; with 0 all errors have the same standard deviation.
        smoothing: s, 0 to 1.
        seed: seed of the errors.

    Raises:
        ValueError: for parameters outside their range, or a process that is not masked.
    """

    time_dependent = False

    def __init__(
        self,
        problem: Problem,
        scale: float,
        shared: float = 0.0,
        examples: float = 0.0,
        smoothing: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not problem.process.absorbing:
            raise bad("Perturbed with the process", type(problem.process).__name__, "Masked")
        if not (0 <= shared <= 1 and 0 <= smoothing <= 1):
            raise bad("shared, smoothing", (shared, smoothing), "shares from 0 to 1")
        if not (math.isfinite(scale) and math.isfinite(examples) and scale >= 0 and examples >= 0):
            raise bad("scale, examples", (scale, examples), "finite numbers of at least 0")
        self.oracle, self.smoothing = problem.oracle(), smoothing
        vocab, d = problem.process.vocab_size, problem.positions
        self.size = problem.process.input_size
        self.uniform = problem.process.log_probs(torch.zeros(vocab, dtype=torch.float64)).exp()
        generator = torch.Generator().manual_seed(seed)
        own, common = torch.randn(3, self.size**d, d, vocab, generator=generator, dtype=torch.float64).split((2, 1))
        self.errors = math.sqrt(1 - shared) * own + math.sqrt(shared) * common
        seen = torch.stack([_contexts(problem.process, table) for table in (problem.cond, problem.uncond)])
        self.deviation = scale / torch.sqrt(1 + examples * seen)

    def null(self, condition: Tensor) -> Tensor:
        """The label of "no condition"."""
        return self.oracle.null(condition)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        state = (tokens * self.size ** torch.arange(tokens.shape[1] - 1, -1, -1)).sum(-1)
        deviation = self.deviation[condition, state].view(-1, 1, 1)
        share = self.smoothing * deviation**2 / (1 + deviation**2)
        law = self.oracle(tokens, time, condition).exp()
        law = (1 - share) * law + share * self.uniform
        errors: Tensor = deviation * self.errors[condition, state]
        return law.log() + errors


def _contexts(process: Process, table: Tensor) -> Tensor:
    """The probability of the context of each state, in row-major order."""
    shows = torch.eye(process.vocab_size, process.input_size, dtype=table.dtype)
    shows[:, process.movable(torch.arange(process.input_size))] = 1  # a mask matches every token
    for _ in range(table.ndim):
        table = torch.tensordot(table, shows, ([0], [0]))  # the first axis becomes the last
    return table.flatten()
