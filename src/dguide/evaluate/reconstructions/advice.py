"""What the check of a tokenizer says in words: which classes survive, and what to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..statistics.estimate import Estimate
from .judges import SEES

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

    @property
    def sees(self) -> str:
        """What this classifier sees, in words."""
        return SEES.get(self.judge, self.judge)

    @property
    def falls(self) -> bool:
        """Whether it tells the class on real pictures, and tells it less on reconstructions, by `TOLERATED` or more."""
        return self._tells and bool(self.apart.value <= -TOLERATED and self.apart.high < 0)

    @property
    def survives(self) -> bool:
        """Whether it tells the class on real pictures, and as well on reconstructions."""
        return self._tells and bool(self.apart.low > -TOLERATED)

    @property
    def _tells(self) -> bool:
        """Whether its area is above chance by more than what may be lost."""
        return bool(self.real.low > 0.5 + TOLERATED)


def advice(seen: Sequence[Seen], *, factor: int, codes: int, used: int, tokens: int, ratio: float) -> Iterator[str]:
    """Sentences: which classes are lost, in whole or in part, for which it is open, and what to change if it is so.

    Args:
        seen: What each classifier sees of each class; empty without classes.
        factor: Pixels for each token, along a side.
        codes: Number of codes.
        used: Number of codes that the test pictures use.
        tokens: Number of tokens of the test pictures.
        ratio: Local error divided by mean error.
    """
    if not seen:
        yield "**No verdict on classes**: it takes labelled pictures of two classes or more."
    count = [each for each in seen if each.counts]
    known = [each for each in count if each.real.low > 0.5]
    lost = [each for each in known if not each.apart.low > -TOLERATED and each.apart.high < 0]
    gone = {each.name for each in lost}
    fallen = {each.name: [other for other in seen if other.name == each.name and other.falls] for each in count}
    partly = [name for name, those in fallen.items() if those and name not in gone]
    unsure = [each for each in known if not each.apart.low > -TOLERATED and each not in lost]
    kept = [each for each in known if each.apart.low > -TOLERATED and each.name not in partly]
    blind = [each for each in count if each not in known and each.name not in partly]
    if lost:
        falls = (f"{_fall(each)}{_rest(each.name, seen)}" for each in lost)
        yield f"**The tokenizer loses what tells these classes**: {'; '.join(falls)}."
    if partly:
        falls = (f"{name}: {', and '.join(map(_part, fallen[name]))}{_rest(name, seen)}" for name in partly)
        yield f"**A part of what tells these classes is lost**: {'; '.join(falls)}."
    if unsure:
        names = ", ".join(f"{each.name} (by up to {-each.apart.low:.2f})" for each in unsure)
        yield f"**Not shown to survive**: the area of these classes may fall: {names}. More test pictures would tell."
    if kept:
        names = ", ".join(each.name for each in kept)
        what = f"these classes survives: {names}" if lost or partly or unsure or blind else "the classes survives"
        yield f"**What tells {what}**. On reconstructions no area of theirs falls by {TOLERATED} or more."
    if blind:
        yield (
            f"No classifier tells {', '.join(each.name for each in blind)} from the others on real pictures, or there "
            "are too few of them. So nothing is known of what is lost there: look at the worst pictures."
        )
    share = used / min(codes, tokens)
    if lost or partly or unsure:
        texture = any(each.falls and each.sees == "fine texture" for each in seen)
        yield from _changes(factor, codes, share, ratio, texture)
    elif share < _UNUSED:
        yield f"Only {used:,} of the {codes:,} codes are used: fewer codes would do."


def _fall(each: Seen) -> str:
    return f"{each.name}, {_down(each)}"


def _part(each: Seen) -> str:
    return f"{each.sees} ({each.judge}), {_down(each)}"


def _down(each: Seen) -> str:
    down = f"falls by {-each.apart.value:.2f} ({-each.apart.high:.2f} to {-each.apart.low:.2f})"
    return f"whose area under the ROC curve {down} from {each.real.value:.2f} on real pictures"


def _rest(name: str, seen: Sequence[Seen]) -> str:
    """What survives of a class that loses something."""
    rest = [each for each in seen if each.name == name and each.survives]
    told = (f"{each.sees} ({each.judge}: {each.real.value:.2f} and {each.drawn.value:.2f})" for each in rest)
    return f", while {' and '.join(told)} {'survive' if len(rest) > 1 else 'survives'}" if rest else ""


def _changes(factor: int, codes: int, share: float, ratio: float, texture: bool) -> Iterator[str]:
    """What to try, the most likely first; `texture` says whether fine texture is lost."""
    tries = []
    if ratio > _LOCAL:
        tries.append(f"a loss that weighs the worst pixels more (the worst square is off {ratio:.0f} times the mean)")
    if share < _UNUSED:
        tries.append(f"longer training, since only {share:.0%} of the codes are used that could be")
    if factor > 4:
        tries.append(f"a smaller factor (now one token stands for {factor} x {factor} pixels)")
    if share > _FULL or (texture and share >= _UNUSED):
        tries.append(f"more codes ({share:.0%} of the {codes:,} are used)")
    if texture:
        tries.append("pictures of a larger size, with the same factor")
    yield f"What to change, the most likely first: {', then '.join(tries) or 'longer training, or a wider network'}."
