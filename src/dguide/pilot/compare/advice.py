"""What to do after a comparison, in one sentence or two, with the uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...errors import bad
from ...evaluate.evaluation import shown
from ..report import words
from .detectable import POWER, detectable, samples_for
from .rows import Row
from .words import WORDS, figure_name

__all__ = ["advice"]


def advice(rows: Sequence[Row], language: str = "en", detect: float | None = None) -> str:
    """The setting to use, and by how much it is better; or that none is better, and how many samples would tell.

    Args:
        rows: From `compared`.
        language: "en" or "ja".
        detect: A difference of the main figure that would matter. By default half of the smallest one that this
            comparison would find.

    Raises:
        ValueError: If no rows are differences of a main figure, the language is unknown, or `detect` is no number
            above 0.
    """
    if detect is not None and not (detect > 0 and math.isfinite(detect)):
        raise bad("difference to detect", detect, "a number above 0")
    judged = [row for row in rows if row.main]
    apart = [row for row in judged if row.difference is not None]
    if not apart:
        raise bad("settings", len(judged), "at least two, so that there is something to compare")
    return _Advice(rows, judged, apart, language, detect).text()


class _Advice:
    """The sentences about the main figure of the settings."""

    def __init__(
        self, rows: Sequence[Row], judged: Sequence[Row], apart: Sequence[Row], language: str, detect: float | None
    ) -> None:
        self.rows, self.apart, self.detect = rows, apart, detect
        self.usual = next((row for row in judged if row.difference is None), judged[0])
        self.language, self._words = language, words(WORDS, language)
        self.drawn = max(row.figure.count for row in rows)

    def text(self) -> str:
        better = sorted((row for row in self.apart if row.verdict == "better"), key=lambda row: -row.gain[0])
        worse = [row for row in self.apart if row.verdict == "worse"]
        if better:
            return self.join([*self.winner(better[0]), *self.also(better[1:]), *self.price(better[0])])
        if not self.apart[0].figure.better:
            return self.say("undirected")
        if all(math.isnan(row.gain[1]) for row in self.apart):
            return self.say("unknown")
        if len(worse) == len(self.apart):
            return self.say("keep", low=shown(min(-row.gain[2] for row in worse)))
        found = self.say("worse", others=self.listed(worse)) if worse else self.say("nothing")
        return self.join([found, *self.power()])

    def say(self, key: str, **values: object) -> str:
        """A sentence, with what most of them name."""
        known = {
            "baseline": self.usual.setting,
            "figure": figure_name(self.usual.figure.name, self.language),
            "sure": self.sure(self.apart),
        }
        return self._words(key, **known | values)

    def winner(self, row: Row) -> list[str]:
        calls, usual = sum(row.calls), sum(self.usual.calls)
        cost = self.say("same cost") if calls == usual else self.say("other cost", calls=calls, usual=usual)
        _, low, high = row.gain
        return [self.say("better", setting=row.setting, low=shown(low), high=shown(high), cost=cost)]

    def also(self, rows: Sequence[Row]) -> list[str]:
        return [self.say("also", others=self.listed(rows))] if rows else []

    def price(self, winner: Row) -> list[str]:
        """The other figures in which the winner is worse."""
        others = [row for row in self.rows if not row.main and row.difference is not None]
        return [
            self.say(
                "price",
                figure=figure_name(row.figure.name, self.language),
                sure=self.sure(others),
                low=shown(-row.gain[2]),
                high=shown(-row.gain[1]),
            )
            for row in others
            if row.setting == winner.setting and row.verdict == "worse"
        ]

    def power(self) -> list[str]:
        """How large a difference would have been found, and how many samples find a smaller one."""
        widest = max(
            (row.difference for row in self.apart if row.difference is not None and not math.isnan(row.difference.low)),
            key=detectable,
        )
        found = detectable(widest)
        size = found / 2 if self.detect is None else self.detect
        needed = samples_for(widest, size)
        numbers = {"samples": f"{widest.count:,}", "found": shown(found), "size": shown(size), "needed": f"{needed:,}"}
        limited = self.usual.figure.count < min(self.drawn, needed)
        detected = self.say("detect", **numbers, power=round(100 * POWER))
        return [detected, *([self.say("limited")] if limited else [])]

    def sure(self, rows: Sequence[Row]) -> str:
        """With what probability the intervals of all these differences hold together."""
        each = next((row.difference.level for row in rows if row.difference is not None), 0.95)
        return self._words(
            "one" if len(rows) == 1 else "all", count=len(rows), level=f"{100 * (1 - (1 - each) * len(rows)):.4g} %"
        )

    def listed(self, rows: Sequence[Row]) -> str:
        return self.say("and").join(row.setting for row in rows)

    def join(self, sentences: Sequence[str]) -> str:
        return ("" if self.language == "ja" else " ").join(sentences)
