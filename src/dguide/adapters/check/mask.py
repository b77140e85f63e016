"""Is the mask token of the process the one that the network knows, and is it never predicted as data?"""

from __future__ import annotations

import torch
from torch import Tensor

from ...denoiser import take
from ...errors import InputError
from .probe import Probe, apart, gain, surprise
from .record import Line

__all__ = ["mask_predicted", "mask_token"]

MASK, PREDICTED = "mask token", "mask never predicted"
_CANDIDATES = 32
"""Tokens that are tried as the mask."""
_NOTICED = 0.01
"""Mean probability from which on a column is looked at."""
_TOP = 8
_SAME = 1e-4
_FEW = 4
"""Sequences that tell whether two tokens are read as the same."""


def mask_token(probe: Probe) -> Line:
    """Whether another token does better as the mask: the data are predicted with each in its place."""
    process = probe.process
    if not process.point_mass:
        return Line(MASK, "does not apply", "noise of this process is no mask")
    mask, expected = process.noise_token, "no other token predicts the data better in its place"
    if not probe.data:
        return Line(MASK, "not decidable", "it needs data=, real sequences", expected)
    used = set(probe.clean.unique().tolist())
    if mask in used:
        seen = f"token {mask} is the mask of the process, and occurs in the data"
        return Line(MASK, "wrong", seen, "a token that is no data", "mask_id= of the process or convention.")
    free = [y for y in range(process.vocab_size) if y != mask and y not in used]
    tried = free if len(free) <= _CANDIDATES else free[: _CANDIDATES // 2] + free[-_CANDIDATES // 2 :]
    base, best, found = surprise(probe.law(), probe.clean), None, None
    for token in tried:
        law = _with(probe, token)
        if law is None:
            continue
        bits = surprise(law, probe.clean)
        better, works = gain(base, bits, probe.where), gain(probe.frequencies, bits, probe.where).sure
        if works and better.sure and (best is None or better.bits > best.bits):
            best, found = better, token
    mean = float(base[probe.where].mean())
    if best is not None:
        seen = f"{mean:.2f} bits a token with mask {mask}, and {best.bits:.2f} fewer with mask {found}"
        return Line(MASK, "wrong", seen, expected, f"mask_id={found}.")
    others = f"{len(tried)} of {len(free)} tokens that are no data were tried" if free else "all others are data"
    seen = f"{mean:.2f} bits a token with mask {mask}; {others}"
    if len(tried) < len(free):
        return Line(MASK, "not decidable", f"{seen}, not the others", expected)
    return Line(MASK, "right", seen, expected)


def mask_predicted(probe: Probe) -> Line:
    """Whether a column with probability belongs to a token that the network reads as it reads the mask."""
    process = probe.process
    expected = f"less than {_NOTICED:g} of the probability at masked positions"
    if not process.point_mass:
        return Line(PREDICTED, "does not apply", "noise of this process is no mask")
    where = probe.where
    mean = probe.law()[where].exp().mean(0)
    inside = process.noise_token < process.vocab_size
    seen = "the logit of the mask is ignored" if inside else "the mask is no column"
    top = [int(y) for y in mean.topk(min(_TOP, len(mean))).indices if float(mean[y]) > _NOTICED]
    twins = [y for y in top if _read_as_mask(probe, y)]
    others = [y for y in mean.argsort()[:2].tolist() if y != process.noise_token and y not in twins]
    if twins and (len(twins) > 1 or any(_read_as_mask(probe, y) for y in others)):
        return Line(PREDICTED, "not decidable", "several tokens are read as the mask is", expected)
    if twins:
        got = f"token {twins[0]} is read as the mask is, and has {float(mean[twins[0]]):.3f} of the probability"
        return Line(PREDICTED, "wrong", got, expected, f"mask_id={twins[0]}, or forbid it: Decoding(forbidden=...).")
    return Line(PREDICTED, "right", f"{seen}, and no other token is read as it is", expected)


def _with(probe: Probe, token: int) -> Tensor | None:
    """The law for the noisy sequences with another token in place of the mask; None if the network cannot read it."""
    tokens = torch.where(probe.where, token, probe.noisy)
    try:
        return probe.law(probe.ask(tokens, probe.time, probe.condition))
    except InputError:
        return None


def _read_as_mask(probe: Probe, token: int) -> bool:
    """Whether the answer stays when a token takes the place of the mask."""
    few = slice(_FEW)
    tokens = torch.where(probe.where, token, probe.noisy)[few]
    try:
        logits = probe.ask(tokens, probe.time[few], take(probe.condition, few))
    except InputError:
        return False
    where = probe.where[few]
    return apart(logits[where], probe.logits[few][where]) < _SAME
