"""What the check of a tokenizer says in words: which classes survive, and what to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..statistics.estimate import Estimate

__all__ = ["TOLERATED", "Seen", "advice"]

TOLERATED = 0.05
"""A class survives if its area under the ROC curve falls by less than this, by the interval of the difference."""
_UNUSED, _FULL = 0.5, 0.9
"""Shares of the codes below which many are idle, and above which more may help."""
_LOCAL = 5.0
"""How many times the mean error the worst square is, if a small thing is lost that the mean does not show."""


@dataclass(frozen=True)
class Seen:
    """What a classifier sees of a class, against all other classes.

    Args:
        name: Name of the class.
        judge: Name of the classifier.
        counts: Whether this classifier is the one that counts for the class.
        count: Number of test pictures of the class.
        real: Area under the ROC curve on real test pictures.
        drawn: The same on their reconstructions.
        apart: The second less the first, with an interval of pairs.
        error: Mean absolute error of the pictures of the class.
        local: Mean of their local errors.
    """

    name: str
    judge: str
    counts: bool
    count: int
    real: Estimate
    drawn: Estimate
    apart: Estimate
    error: float
    local: float


def advice(seen: Sequence[Seen], *, factor: int, codes: int, used: int, tokens: int, ratio: float) -> Iterator[str]:
    """Sentences: which classes are lost, for which it is open, and what to change if one is lost or open.

    Args:
        seen: What the classifier that counts sees of each class; empty without classes.
        factor: Pixels for each token, along a side.
        codes: Number of codes.
        used: Number of codes that the test pictures use.
        tokens: Number of tokens of the test pictures.
        ratio: Local error divided by mean error.
    """
    if not seen:
        yield "**No verdict on classes**: it takes labelled pictures of two classes or more."
    blind = [each for each in seen if not each.real.low > 0.5]
    known = [each for each in seen if each.real.low > 0.5]
    kept = [each for each in known if each.apart.low > -TOLERATED]
    lost = [each for each in known if each not in kept and each.apart.high < 0]
    unsure = [each for each in known if each not in kept and each not in lost]
    if lost:
        yield f"**The tokenizer loses what tells these classes**: {'; '.join(map(_fall, lost))}."
    if unsure:
        names = ", ".join(f"{each.name} (by up to {-each.apart.low:.2f})" for each in unsure)
        yield f"**Not shown to survive**: the area of these classes may fall: {names}. More test pictures would tell."
    if kept:
        names = ", ".join(each.name for each in kept)
        what = f"these classes survives: {names}" if lost or unsure or blind else "the classes survives"
        yield f"**What tells {what}**. On reconstructions no area of theirs falls by {TOLERATED} or more."
    if blind:
        yield (
            f"No classifier tells {', '.join(each.name for each in blind)} from the others on real pictures, or there "
            "are too few of them. So nothing is known of what is lost there: look at the worst pictures."
        )
    share = used / min(codes, tokens)
    if lost or unsure:
        yield from _changes(factor, codes, share, ratio)
    elif share < _UNUSED:
        yield f"Only {used:,} of the {codes:,} codes are used: fewer codes would do."


def _fall(each: Seen) -> str:
    down = f"falls by {-each.apart.value:.2f} ({-each.apart.high:.2f} to {-each.apart.low:.2f})"
    return f"{each.name}, whose area under the ROC curve {down} from {each.real.value:.2f} on real pictures"


def _changes(factor: int, codes: int, share: float, ratio: float) -> Iterator[str]:
    """What to try, the most likely first."""
    tries = []
    if ratio > _LOCAL:
        tries.append(f"a loss that weighs the worst pixels more (the worst square is off {ratio:.0f} times the mean)")
    if share < _UNUSED:
        tries.append(f"longer training, since only {share:.0%} of the codes are used that could be")
    if factor > 4:
        tries.append(f"a smaller factor (now one token stands for {factor} x {factor} pixels)")
    if share > _FULL:
        tries.append(f"more codes ({share:.0%} of the {codes:,} are used)")
    yield f"What to change, the most likely first: {', then '.join(tries) or 'longer training, or a wider network'}."
