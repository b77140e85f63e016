"""Do the columns of the logits stand for the tokens of the data?"""

from __future__ import annotations

import torch

from .probe import Gain, Probe, gain, surprise
from .record import Line, decided

__all__ = ["fit", "offset", "words"]

FIT, OFFSET, WORDS = "predicts the data", "vocabulary offset", "columns without a word"
_FARTHEST = 64
"""Columns by which the vocabulary may be displaced."""
_MIXED = 0.05
"""Share of the uniform law in all readings, so that a word whose column was cut off does not decide."""
_LEFT = 0.01
"""Probability of tokens that are not in the data that needs no explanation."""
_TOO_MANY = 0.2
_NEEDS = "it needs data=, real sequences"


def fit(probe: Probe) -> Line:
    """Whether the model predicts the data better than the frequencies of their tokens do."""
    expected = "fewer bits than from the frequencies of the tokens alone"
    if not probe.data:
        return Line(FIT, "not decidable", _NEEDS, expected)
    alone, model = probe.frequencies, surprise(probe.law(), probe.clean)
    at = probe.where
    seen = f"{float(model[at].mean()):.2f} bits a token, from frequencies {float(alone[at].mean()):.2f}"
    remedy = "look at the other lines first; then at the order and numbering of tokens, and at the conditions."
    right, wrong = gain(alone, model, at).sure, gain(model, alone, at).sure
    return decided(FIT, seen, expected, remedy, right=right, wrong=wrong)


def offset(probe: Probe) -> Line:
    """Whether the data fit better if all columns are displaced, in answers at t = 1, where no token is read.

    Columns are displaced in a circle, so that each reading is a law, and what is true needs the fewest bits.
    """
    expected = "no displacement of the columns predicts the data better"
    if not probe.data:
        return Line(OFFSET, "not decidable", _NEEDS, expected)
    start = torch.ones_like(probe.time)
    noise = probe.process.corrupt(probe.clean, start, probe.uniforms)
    law = probe.process.log_probs(probe.ask(noise, start, probe.condition)).double()
    size = law.shape[-1]
    law = torch.log((1 - _MIXED) * law.exp() + _MIXED / size)
    everywhere = torch.ones_like(probe.clean, dtype=torch.bool)
    base = surprise(law, probe.clean)
    best, found = Gain(0.0, 0.0), 0
    reach = min(size // 2, _FARTHEST)
    for step in [*range(-reach, 0), *range(1, reach + 1)]:
        bits = surprise(law, (probe.clean + step) % size)
        better, absurd = gain(base, bits, everywhere), gain(bits, probe.frequencies, everywhere).sure
        if better.sure and not absurd and better.bits > best.bits:
            best, found = better, step
    mean = float(base.mean())
    if found:
        seen = f"{mean:.2f} bits a token at t = 1, and {best.bits:.2f} fewer with the columns moved by {found}"
        remedy = f"offset= of the convention, {abs(found)} {'more' if found > 0 else 'less'}."
        return Line(OFFSET, "wrong", seen, expected, remedy)
    return Line(OFFSET, "right", f"{mean:.2f} bits a token at t = 1; no displacement up to {reach} is better", expected)


def words(probe: Probe) -> Line:
    """Whether tokens that never occur in the data have more probability than chance explains."""
    if not probe.data:
        return Line(WORDS, "not decidable", _NEEDS)
    counts = torch.bincount(probe.clean.flatten(), minlength=probe.process.vocab_size)
    once = float((counts == 1).sum()) / probe.clean.numel()  # Good and Turing: the share of all that was not seen
    allowed = 2 * once + _LEFT
    expected = f"at most {allowed:.3f} of the probability on tokens that are not in the data"
    if allowed > _TOO_MANY:
        seen = f"{int((counts == 1).sum())} tokens occur once, so many others were missed by chance"
        return Line(WORDS, "not decidable", seen, expected)
    mean = probe.law()[probe.where].exp().mean(0)
    absent = (counts == 0).nonzero().squeeze(1)
    share = float(mean[absent].sum())
    seen = f"{len(absent)} columns never occur in the data; they have {share:.3g} of the probability"
    if share <= allowed:
        return Line(WORDS, "right", seen, expected)
    behind = int(counts.nonzero().max())
    tail = float(mean[behind + 1 :].sum())
    if tail > share / 2:
        seen += f", of which columns {behind + 1} to {len(counts) - 1} have {tail:.3g}"
        remedy = f"vocab_size={behind + 1} and columns={len(counts)}, if the vocabulary is padded; or forbidden=."
        return Line(WORDS, "wrong", seen, expected, remedy)
    largest = absent[mean[absent].argsort(descending=True)[:5]].tolist()
    return Line(WORDS, "wrong", f"{seen}, most of it {largest}", expected, f"forbidden={tuple(largest)}, if no words.")
