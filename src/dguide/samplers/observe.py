"""Looking on while samples are drawn: what the networks said, and where tokens landed.

An observer changes nothing and costs nothing where there is none. `Run.observers` are told; a callback of
`dguide.sample` that is an `Observer` becomes one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from .predictions import Predictions
    from .run import Run
    from .sampler import State

__all__ = ["Landing", "Observer"]


@dataclass(frozen=True, eq=False)
class Landing:
    """Tokens that some positions of a batch took in one step.

    Attributes:
        sample: [N], row in the batch.
        position: [N], position in the sample.
        token: [N], what it became.
        level: [N], noise level at which it did; along a grid with rates that depend on the prediction only the step is
            known, and they are spread evenly over it.
        log_cond: [N], log-probability of the token in the conditional prediction; None if that was not called.
        log_ref: [N], the same in the prediction of the reference.
        log_proposal: [N], log-probability with which it was drawn, given that the position was to take a token.
    """

    sample: Tensor
    position: Tensor
    token: Tensor
    level: Tensor
    log_cond: Tensor | None
    log_ref: Tensor | None
    log_proposal: Tensor


class Observer:
    """Is told what happens in a run; a subclass overrides what it wants to hear."""

    def looked(self, run: Run, tokens: Tensor, time: Tensor, predictions: Predictions) -> None:
        """The networks were called.

        Args:
            run: the batch.
            tokens: [B, L], what they read.
            time: [B], at which time.
            predictions: for which positions (`query`), and what they said (`laws`, slice by slice of `parts`).
        """

    def landed(self, run: Run, landing: Landing) -> None:
        """Some positions took a token."""

    def __call__(self, run: Run, state: State) -> None:
        """A step was taken."""
