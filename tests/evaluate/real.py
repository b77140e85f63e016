"""The digits, and what a network that learnt them makes of images."""

from __future__ import annotations

from functools import cache

from dguide.data import load
from dguide.evaluate import LearntFeatures

DIGITS = load("digits")


@cache
def learnt() -> LearntFeatures:
    """Learnt from half as many images as by default, which takes two seconds."""
    return LearntFeatures.fit(DIGITS, seen=20_000)
