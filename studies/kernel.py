r"""Data distributions of any length with known exact predictions: a data set, blurred token by token.

$$p(x \mid c) = \frac{1}{N_c} \sum_{k:\, c_k = c} \prod_i K(x^i \mid y_k^i)$$

has examples $y_k$ with labels $c_k$, $N_c$ examples of label c, and a kernel K between tokens. A masked context gives
each example a weight, its probability of the tokens of the context. The prediction is the weighted mean of the kernels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dguide.data import Split
from studies.common import about

__all__ = ["Kernel", "bell"]


def bell(vocab: int, width: float, floor: float) -> Tensor:
    r"""A kernel between ordered tokens [V, V], $K(x \mid y) \propto e^{-(x - y)^2 / 2 b^2}$ of width b, row by row y.

    A share `floor` of each row is uniform, so that every token has a positive probability.
    """
    grey = torch.arange(vocab, dtype=torch.float64)
    near = torch.softmax(-((grey - grey.unsqueeze(-1)) ** 2) / (2 * width**2), -1)
    return (1 - floor) * near + floor / vocab


class Kernel:
    """The exact denoiser of a blurred data set under the masked process, with V as the mask.

    Args:
        split: the examples, tokens [N, L] and labels [N].
        kernel: [V, V] float64; row y is the distribution of a token where the example has y.
        classes: number of labels; it is also the label of "no condition".
    """

    time_dependent = False

    def __init__(self, split: Split, kernel: Tensor, classes: int) -> None:
        self.labels, self.classes, self.vocab = split.labels, classes, len(kernel)
        self.laws = kernel[split.tokens].flatten(1)
        # A mask matches every example.
        logs = torch.nn.functional.pad(kernel.log()[split.tokens], (0, 1))
        self.log_agreement = logs.flatten(1).T.contiguous()

    def null(self, condition: Tensor) -> Tensor:
        """The label of "no condition"."""
        return torch.full_like(condition, self.classes)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        shown = torch.nn.functional.one_hot(tokens, self.vocab + 1).double().flatten(1)
        condition = condition.unsqueeze(-1)
        other = (condition != self.classes) & (condition != self.labels)
        weight = torch.softmax((shown @ self.log_agreement).masked_fill(other, -math.inf), -1)
        return (weight @ self.laws).view(*tokens.shape, self.vocab).log()


if __name__ == "__main__":
    about(__doc__, "studies.order_effects")
