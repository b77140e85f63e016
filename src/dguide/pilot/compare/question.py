"""What a comparison asks: which settings, how many samples, judged by what; checked before any work."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ...denoiser import Condition
from ...errors import Mistakes, bad, choose
from ...evaluate.evaluation import DISTANCES
from ...study import Setting, Source, Study
from .judge import Judge

__all__ = ["WEIGHTS", "Question", "baseline_of", "check_difference", "examine", "figure_of", "named", "studied"]

WEIGHTS = ("0", "1", "ramp-up:2", "2", "ramp-up:4")
"""Weights of a comparison by default: none, and a constant and a ramp of equal mean, twice."""
_USUAL = (*DISTANCES, "validity")
"""Figures that decide by default; the first one that there is."""
_ENOUGH = 500
"""A number of samples that no metric finds too small."""


@dataclass(frozen=True, eq=False)
class Question:
    """A comparison of settings, before it is done.

    Args:
        study: The settings with their seeds and conditions.
        judge: Who judges them.
        figure: Name of the figure that decides, as `figure_of` reads it; None for the usual one.
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
        examine(mistakes, self.study, self.judge, self.figure, self.baseline, self.detect)
        mistakes.settle()
        _ = self.main  # the figures of a judge may have one name twice

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """The settings by name. The baseline is the first, so that each can be compared as soon as it is drawn."""
        names, first = named(self.study.settings), baseline_of(self.study.settings, self.baseline)
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
        return figure_of(self.figure, names)


def studied(
    mistakes: Mistakes,
    source: Source,
    settings: Sequence[Setting],
    seeds: Sequence[int],
    count: int,
    condition: Condition,
    batch_size: int,
) -> Study | None:
    """The study of a comparison. After mistakes in its numbers, which are kept, one with others, for `examine`."""
    made = mistakes.of(lambda: Study(source, tuple(settings), tuple(seeds), count, condition, batch_size=batch_size))
    if made is not None:
        return made
    usual = count if isinstance(count, int) and count > 0 else _ENOUGH
    return mistakes.of(lambda: Study(source, tuple(settings), (0,), usual, condition))


def examine(
    mistakes: Mistakes,
    study: Study | None,
    judge: Judge | None,
    figure: str | None = None,
    baseline: str | None = None,
    detect: float | None = None,
) -> None:
    """Keeps all that is wrong with the parts of a question. One that is wrong itself is None, and the rest is checked.

    Only a figure that is named needs the judge to learn from the data, which takes seconds. So this comes last.
    """
    mistakes.of(lambda: check_difference(detect))
    if study is not None:
        mistakes.of(study.check)
        mistakes.of(lambda: _check_several(study.settings))
        mistakes.of(lambda: baseline_of(study.settings, baseline))
        if judge is not None:
            mistakes.of(lambda: judge.check_count(study.count * len(study.seeds)))
    if judge is not None and figure is not None:
        mistakes.of(lambda: figure_of(figure, judge.names))


def check_difference(detect: float | None) -> None:
    """Raises `ValueError` for a difference to detect that is no number above 0."""
    if detect is not None and not 0 < detect < float("inf"):
        raise bad("difference to detect", detect, "a number above 0")


def _check_several(settings: Sequence[Setting]) -> None:
    if len(settings) < 2:
        raise bad("settings", len(settings), "at least two, so that there is something to compare")


def baseline_of(settings: Sequence[Setting], baseline: str | None) -> Setting:
    """The setting that the others are compared with."""
    names = named(settings)
    known = {**names, **{each.label: each for each in names.values()}}
    return settings[0] if baseline is None else known[choose("baseline", baseline, known)]


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


def figure_of(text: str | None, names: Sequence[str]) -> str:
    """The name of a figure from its beginning, without regard to accents and capitals.

    Without a text it is the distance to the data, or the first figure that there is.

    >>> figure_of("frechet", ["recall", "Fréchet distance"])
    'Fréchet distance'

    Raises:
        ValueError: If no name begins so, or several do.
    """
    if text is None:
        return next((each for each in _USUAL if each in names), names[0])
    wanted = _plain(text)
    found = [each for each in names if _plain(each) == wanted] or [
        each for each in names if _plain(each).startswith(wanted)
    ]
    return found[0] if len(found) == 1 and wanted else choose("figure", text, names)


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(each for each in letters if not unicodedata.combining(each))
