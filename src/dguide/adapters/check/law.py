r"""Which law does a network of a process that reads either predict?

With another token at position i, a leave-one-out law stays. In a posterior the log-odds of the new token against the
old one grow by $2 \log(1 + k)$, $k = \alpha V / (1 - \alpha)$ (`dguide.Uniform`).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...errors import InputError
from ...process import PREDICTIONS, Process
from .probe import Probe
from .record import Line

__all__ = ["law"]

LAW = "posterior or leave-one-out"
_LEVELS = torch.tensor([0.25, 0.5, 0.75, 0.875], dtype=torch.float64)
_NEAR = 0.25
"""How near the mean must be to 1 or 0."""


def law(probe: Probe) -> Line:
    """Which law it predicts, by changing one token of each sequence, against that which the process reads."""
    process = probe.process
    twin = _leave_one_out(process)
    if twin is None:
        return Line(LAW, "does not apply", "both laws are the same with this process")
    share = _share(probe, twin)
    expected = f"{int(process.prediction == 'posterior')} for {process.prediction!r}, which the process reads"
    if not len(share):
        return Line(LAW, "not decidable", "tokens are impossible for the model", expected)
    middle = float(share.median())
    seen = f"the log-odds of a changed token grow by {middle:.2f} of its evidence"
    found = {1.0: "posterior", 0.0: "leave-one-out"}.get(round(middle)) if abs(middle - round(middle)) < _NEAR else None
    if found is None:
        return Line(LAW, "not decidable", f"{seen}, neither 0 nor 1", expected)
    if found != process.prediction:
        kind = type(process).__name__
        return Line(LAW, "wrong", f"{seen}: {found}", expected, f"{kind}(..., prediction={found!r}).")
    return Line(LAW, "right", seen, expected)


def _leave_one_out(process: Process) -> Process | None:
    """The same process for networks of the leave-one-out law; None where both laws are one."""
    if process.prediction_free_rate or process.prediction not in PREDICTIONS:
        return None
    try:
        return replace(process, prediction="leave-one-out")  # type: ignore[type-var]
    except (InputError, TypeError):
        return None


def _share(probe: Probe, twin: Process) -> Tensor:
    """The growth of the log-odds as a share of the evidence for both tokens, one for each sequence [m]."""
    count, length = probe.clean.shape
    size = probe.process.vocab_size
    rows = torch.arange(count, device=probe.clean.device)
    level = _LEVELS.to(rows.device)[rows % len(_LEVELS)]
    time = probe.process.noise.time(level)
    old_tokens = probe.process.corrupt(probe.clean, time, probe.uniforms)
    place = (rows * 7) % length
    new_tokens = old_tokens.clone()
    old = old_tokens[rows, place]
    new = (old + 1 + (rows * 5) % max(size - 1, 1)) % size
    new_tokens[rows, place] = new
    odds = []
    for tokens in (old_tokens, new_tokens):
        here = probe.ask(tokens, time, probe.condition)[rows, place]
        odds.append(here[rows, new] - here[rows, old])
    flat = torch.zeros(count, size, dtype=torch.float64, device=rows.device)
    told = twin.log_posterior(flat, new, time)
    evidence = told[rows, new] - told[rows, old]
    share = (odds[1] - odds[0]).double() / (2 * evidence)
    return share[share.isfinite()]
