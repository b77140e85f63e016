"""Does the answer depend on the time, and is the time told the right way round?"""

from __future__ import annotations

import torch

from .probe import Probe, apart, gain, surprise
from .record import Line, decided

__all__ = ["direction", "reads_time"]

READS, DIRECTION = "reads the time", "direction of time"
_SAME = 1e-5


def _changes(probe: Probe) -> float:
    """The largest change of a log-probability between two times."""
    laws = [
        torch.log_softmax(probe.ask(probe.noisy, torch.full_like(probe.time, t), probe.condition), -1)
        for t in (0.25, 0.75)
    ]
    return apart(*laws)


def reads_time(probe: Probe) -> Line:
    """Whether the answer depends on the time, as the denoiser declares."""
    declared = getattr(probe.denoiser, "time_dependent", None)
    change = _changes(probe)
    depends = change > _SAME
    seen = f"log-probabilities change by up to {change:.2g} from t = 0.25 to 0.75" if depends else "the time is ignored"
    said = "" if declared is None else f"; declared: time_dependent = {declared}"
    if depends and declared is False:
        return Line(READS, "wrong", seen + said, "what time_dependent says", "time_dependent=True.")
    if not depends and not probe.process.time_agnostic:
        law = "its law changes with the time, unless positions are independent"
        return Line(READS, "not decidable", f"{seen}{said}", law)
    if not depends and declared:
        said += ", which rules out samplers that need not ask again: False would allow them"
    return Line(READS, "right", seen + said, "what time_dependent says")


def direction(probe: Probe) -> Line:
    """Whether the data are better predicted if the model is told 1 - t."""
    expected = "the data are predicted better at the time t than at 1 - t"
    if not probe.data:
        return Line(DIRECTION, "not decidable", "it needs data=, real sequences", expected)
    if _changes(probe) <= _SAME:
        return Line(DIRECTION, "does not apply", "the time is ignored")
    base = surprise(probe.law(), probe.clean)
    other = surprise(probe.law(probe.ask(probe.noisy, 1 - probe.time, probe.condition)), probe.clean)
    at = probe.where
    seen = f"{float(base[at].mean()):.2f} bits a token, and {float(other[at].mean()):.2f} if told 1 - t"
    remedy = "Convention(time='1-t') in place of 't', or the other way round; or tell 1 - time in the wrapper."
    right, wrong = gain(other, base, at).sure, gain(base, other, at).sure
    return decided(DIRECTION, seen, expected, remedy, right=right, wrong=wrong)
