r"""The rule that predicts which of two settings is better from the signals alone.

The logarithm of the ratio of the two distances is taken to be linear in five signals, without a constant, since two
settings are the same where the condition changes nothing:

$$y = \beta_1\, \text{crowding} + \beta_2\, \text{orders} + \beta_3\, \text{orders} \tanh(\text{error})
+ \beta_4\, \text{error} + \beta_5\, \text{strength}.$$

The first is the pace, the second the order, the third the order under errors (the winner's curse), the fourth errors
that guidance multiplies, the fifth how strongly it acts. The coefficients are those of ridge regression on the problems
with known truth (random problems and blurred digits, each kind with the same total weight), with penalty 1 for signals
divided by their root mean square. Signals of real models are cut at the largest ones of the problems that were fitted,
and at the smallest ones if these are below 0, so that a model without signals is predicted to have no gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from studies.decides.case import Case

__all__ = ["FEATURES", "PENALTY", "Rule", "features"]

FEATURES = ("crowding", "orders", "orders x error", "error", "strength")
PENALTY = 1.0


def features(case: Case) -> list[float]:
    """The five terms of a case, as `FEATURES` names them."""
    known = {**case.signals}
    known["orders x error"] = known["orders"] * float(torch.tanh(torch.tensor(known["error"], dtype=torch.float64)))
    return [known[name] for name in FEATURES]


@dataclass(frozen=True)
class Rule:
    """Coefficients of one question.

    Attributes:
        scale: root mean square of each signal.
        low, high: its range.
        coefficients: of the signals divided by `scale`.
        spread: root mean square of what the rule leaves of the fitted gains.
    """

    scale: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    coefficients: tuple[float, ...]
    spread: float

    @classmethod
    def fit(cls, cases: Sequence[Case], question: str) -> Rule:
        """Fits the gains of `question`, which some case has; each source has the same total weight."""
        used = [case for case in cases if question in case.gains]
        x = torch.tensor([features(case) for case in used], dtype=torch.float64)
        y = torch.tensor([case.gains[question].value for case in used], dtype=torch.float64)
        many = {source: sum(case.source == source for case in used) for source in {case.source for case in used}}
        # The weights have mean 1, so that the penalty means the same whatever the number of sources.
        share = torch.tensor([len(used) / (len(many) * many[case.source]) for case in used], dtype=torch.float64)
        scale = x.square().mean(0).sqrt().clamp_min(1e-12)
        z = x / scale
        normal = z.T @ (share.unsqueeze(-1) * z) + PENALTY * torch.eye(z.shape[1], dtype=torch.float64)
        beta = torch.linalg.solve(normal, z.T @ (share * y))
        left = float((share * (y - z @ beta).square()).mean().sqrt())
        low, high = (tuple(end.tolist()) for end in (x.amin(0), x.amax(0)))
        return cls(tuple(scale.tolist()), low, high, tuple(beta.tolist()), left)

    def record(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    def __call__(self, case: Case) -> float:
        """The predicted gain of a case."""
        x = torch.tensor(features(case), dtype=torch.float64)
        x = torch.minimum(torch.maximum(x, _row(self.low).clamp_max(0)), _row(self.high))
        return float(x / _row(self.scale) @ _row(self.coefficients))


def _row(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
