"""Does the condition reach the model, and how strongly would guidance act?"""

from __future__ import annotations

import torch
from torch import Tensor

from ...categorical import normalise, tilt
from ...denoiser import check_same_structure, copied
from ...errors import InputError
from .probe import Probe, apart, gain, surprise
from .record import Line

__all__ = ["null", "scale"]

NULL, SCALE = "null differs", "log Z at w = 1"
_SAME = 1e-6
_STRONG = 1.0
"""Nats from which on `Unlocking` is e times too fast."""


def _reference(probe: Probe) -> Tensor | Line:
    """The law with the null condition, or why there is none."""
    method = getattr(probe.denoiser, "null", None)
    if probe.condition is None:
        return Line(NULL, "does not apply", "no condition was given")
    if not callable(method):
        return Line(NULL, "not decidable", "no method null(condition); guide with reference=")
    try:
        told = method(copied(probe.condition))
        check_same_structure(probe.condition, told, "null(condition)")
    except InputError as error:
        return Line(NULL, "wrong", str(error), "a condition of the same structure", "null of the denoiser.")
    return probe.law(probe.ask(probe.noisy, probe.time, told))


def null(probe: Probe) -> Line:
    """Whether the answer without the condition differs, and predicts the data worse."""
    reference = _reference(probe)
    if isinstance(reference, Line):
        return reference
    where, law = probe.where, probe.law()
    change = apart(law[where], reference[where])
    expected = "another answer, and with data a worse one"
    if change < _SAME:
        remedy = "null(condition) or null_label: with equal answers guidance has no effect."
        return Line(NULL, "wrong", "the answer is the same without the condition", expected, remedy)
    seen = f"log-probabilities change by up to {change:.2g} without the condition"
    if not probe.data:
        return Line(NULL, "right", seen, "another answer")
    bits, other = surprise(law, probe.clean), surprise(reference, probe.clean)
    seen += f"; {float(bits[where].mean()):.2f} bits a token with it, {float(other[where].mean()):.2f} without"
    if gain(bits, other, where).sure:
        return Line(NULL, "wrong", seen, expected, "conditions in the order of data=, or the null condition.")
    return Line(NULL, "right", seen, expected)


def scale(probe: Probe) -> Line:
    """The logarithm of the partition function at w = 1: the rate at which `Unlocking` is too fast."""
    reference = _reference(probe)
    if isinstance(reference, Line):
        return Line(SCALE, "does not apply", "it needs a condition and null(condition)")
    where = probe.where
    one = torch.ones((), dtype=torch.float64, device=where.device)
    log_z = normalise(tilt(probe.law()[where].double(), reference[where].double(), one))[1]
    mean, largest = float(log_z.mean()), float(log_z.max())
    seen = f"{mean:.3g} nats on average, at most {largest:.3g}"
    strong = f"; e^{largest:.1f} times the pace with Unlocking: use Normalized" if largest > _STRONG else ""
    return Line(SCALE, "right", seen + strong, "0 where the condition says nothing; about 1 is strong")
