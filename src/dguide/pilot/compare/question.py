"""What a comparison asks: which settings, how many samples, judged by what; checked before any work."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ...errors import Mistakes, bad, choose
from ...evaluate.evaluation import DISTANCES
from ...study import Setting, Study
from .judge import Judge

__all__ = ["WEIGHTS", "Question", "figure_of", "named", "usual_figure"]

WEIGHTS = ("0", "1", "ramp-up:2", "2", "ramp-up:4")
"""Weights of a comparison by default: none, and a constant and a ramp of equal mean, twice."""
_USUAL = (*DISTANCES, "validity")
"""Figures that decide by default; the first one that there is."""


@dataclass(frozen=True, eq=False)
class Question:
    """A comparison of settings, before it is done.

    Args:
        study: The settings with their seeds and conditions.
        judge: Who judges them.
        figure: Name of the figure that decides, as `figure_of` reads it; None for that of `usual_figure`.
        baseline: The setting that the others are compared with, by its label or its name from `named`; None for the
            first one.
        detect: A difference of that figure that would matter; None if that is not known.
    """

    study: Study
    judge: Judge
    figure: str | None = None
    baseline: str | None = None
    detect: float | None = None

    def check(self) -> None:
        """Raises one `ValueError` for all that is wrong. The judge learns from the data last, which takes seconds."""
        mistakes = Mistakes()
        mistakes.of(self.study.check)
        mistakes.of(lambda: self._several())
        mistakes.of(lambda: self.settings)
        mistakes.of(lambda: self._positive())
        if self.figure is None:  # then nothing can be wrong with it
            mistakes.settle()
        mistakes.of(lambda: self.main)
        mistakes.settle()

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """The settings by name. The baseline is the first, so that each can be compared as soon as it is drawn."""
        names = named(self.study.settings)
        known = {**names, **{each.label: each for each in names.values()}}
        first = self.study.settings[0] if self.baseline is None else known[choose("baseline", self.baseline, known)]
        return dict(sorted(names.items(), key=lambda each: each[1] is not first))

    @property
    def reference(self) -> str:
        """The name of the baseline."""
        return next(iter(self.settings))

    @property
    def common(self) -> str:
        """What all settings have in common, which their names leave out."""
        words = self.study.settings[0].label.split()
        return " ".join(word for word in words if all(word in each.label.split() for each in self.settings.values()))

    @cached_property
    def main(self) -> str:
        """The name of the figure that decides."""
        names = self.judge.names
        return usual_figure(names) if self.figure is None else figure_of(self.figure, names)

    def _several(self) -> None:
        if len(self.study.settings) < 2:
            raise bad("settings", len(self.study.settings), "at least two, so that there is something to compare")

    def _positive(self) -> None:
        if self.detect is not None and not 0 < self.detect < float("inf"):
            raise bad("difference to detect", self.detect, "a number above 0")


def named(settings: Sequence[Setting]) -> dict[str, Setting]:
    """Settings by short names: their labels without the words that all of them have in the same place.

    >>> from dguide.study import grid
    >>> list(named(grid(weights=(1, "ramp-up:2"))))
    ['constant:1.0', 'ramp-up:2.0']
    """
    words = [each.label.split() for each in settings]
    if len(settings) < 2 or len({len(each) for each in words}) > 1:
        return {each.label: each for each in settings}
    kept = [place for place, each in enumerate(zip(*words, strict=True)) if len(set(each)) > 1]
    return {" ".join(each[place] for place in kept): setting for each, setting in zip(words, settings, strict=True)}


def usual_figure(names: Sequence[str]) -> str:
    """The figure that decides by default: the distance to the data, or the first one that there is."""
    return next((each for each in _USUAL if each in names), names[0])


def figure_of(text: str, names: Sequence[str]) -> str:
    """The name of a figure from its beginning, without regard to accents and capitals.

    >>> figure_of("frechet", ["recall", "Fréchet distance"])
    'Fréchet distance'

    Raises:
        ValueError: If no name begins so, or several do.
    """
    wanted = _plain(text)
    found = [each for each in names if _plain(each) == wanted] or [
        each for each in names if _plain(each).startswith(wanted)
    ]
    return found[0] if len(found) == 1 and wanted else choose("figure", text, names)


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(each for each in letters if not unicodedata.combining(each))
