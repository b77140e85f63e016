"""A comparison as the records of a report."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal

from ...evaluate.evaluation import between, shown
from ...plots.style import as_png
from ..report import Answer, Block, Cell, Fact, Language, Pictures, Report, Section, Table, Text, chart, words
from .charts import charts
from .comparison import Compared
from .report_words import WORDS
from .rows import Row
from .words import figure_name

__all__ = ["as_report"]


def as_report(found: Compared, language: Language = "en") -> Report:
    """The report of a comparison: the advice first, then the figures and tables that it stands on.

    Args:
        found: From `dguide.compare`.
        language: "en" or "ja".
    """
    return _Writer(found, language).report()


class _Writer:
    """The parts of the report of one comparison in one language."""

    def __init__(self, found: Compared, language: Language) -> None:
        self.found, self.language = found, language
        self.say: Callable[..., str] = words(WORDS, language)
        self.main = figure_name(found.main, language)
        self.rows = [row for row in found.rows if row.main]
        self.figures = charts(found)
        self.winner = found.winner

    def report(self) -> Report:
        found, say = self.found, self.say
        model, data = found.about["model"], found.about["data"] or say("no data")
        return Report(
            title=say("title", model=model),
            language=self.language,
            question=say("question", model=model, figure=self.main, data=data),
            answer=Answer(self.verdict, self.headline(), found.advice(self.language)),
            facts=tuple(self.facts()),
            steps=(self.steps(),),
            money=(),
            evidence=tuple(self.evidence()),
            settings={say(name) if name in WORDS[self.language] else name: text for name, text in found.about.items()},
            notes=(say("together"), say("judge")),
        )

    @property
    def verdict(self) -> Literal["go", "no-go", "not-yet"]:
        if self.winner is not None:
            return "go"
        apart = [row for row in self.rows if row.difference is not None]
        return "no-go" if all(row.verdict == "worse" for row in apart) else "not-yet"

    def headline(self) -> str:
        values = {"setting": "" if self.winner is None else self.winner.setting, "baseline": self.found.baseline}
        return self.say(self.verdict, **values, figure=self.main)

    def steps(self) -> str:
        setting = self.found.baseline if self.winner is None else self.winner.setting
        return self.say(f"{self.verdict} step", setting=setting)

    def facts(self) -> Iterator[Fact]:
        """The main figure of the baseline and of the best setting, its difference, and the cost."""
        base = self.found.row(self.found.baseline, self.found.main)
        best = self.winner or self.nearest()
        yield self._fact(self.say("figure of", figure=self.main, setting=base.setting), base)
        yield self._fact(self.say("figure of", figure=self.main, setting=best.setting), best)
        if best.difference is not None:
            apart, level = best.difference, f"{100 * best.difference.level:.4g} %"
            interval = f"{level}: {between(apart.low, apart.high)}" if math.isfinite(apart.low) else ""
            yield Fact(self.say("difference"), shown(apart.value), interval, self.say("together"))
        calls = self.say("calls", calls=sum(best.calls), usual=sum(base.calls), baseline=base.setting)
        yield Fact(self.say("cost"), f"{sum(best.calls):,}", note=calls)

    def nearest(self) -> Row:
        """Where none is better: the setting that is best all the same."""
        others = [row for row in self.rows if row.difference is not None]
        return max(others, key=lambda row: row.gain[0] if math.isfinite(row.gain[0]) else -math.inf)

    def _fact(self, name: str, row: Row) -> Fact:
        figure = row.figure
        interval = f"95 %: {between(figure.low, figure.high)}" if math.isfinite(figure.low) else ""
        best = self.say("held-out", value=shown(figure.best)) if math.isfinite(figure.best) else ""
        return Fact(name, shown(figure.value) or "?", interval, best)

    def evidence(self) -> Iterator[Section]:
        title = self.say("decisive", figure=self.main, baseline=self.found.baseline)
        yield Section(title, (self.decisive(), *self.drawn("weight.png", "calls.png")))
        more = self.drawn("diversity.png", "samples.png")
        yield Section(self.say("price"), (*more, self.every()))
        strength = self.drawn("strength.png")
        if strength:
            yield Section(self.say("strength"), (Text(self.say("strength text")), *strength))

    def drawn(self, *names: str) -> tuple[Block, ...]:
        """The figures of these names that there are."""
        blocks: list[Block] = []
        for name, figure in self.figures.items():
            kind = name.removesuffix(".png")
            if name in names:
                title, text = (self.say(f"{kind} {part}", figure=self.main) for part in ("title", "text"))
                blocks.append(
                    Pictures(as_png(figure), title, text) if kind == "samples" else chart(figure, title, text)
                )
        return tuple(blocks)

    def decisive(self) -> Table:
        heads = ("setting", "value", "interval", "n", "difference", "together interval", "verdict", "cost", "seconds")
        rows = tuple(self._line(row) for row in self.rows)
        marked = tuple(number for number, row in enumerate(self.rows) if row is self.winner)
        return Table(self.main, tuple(map(self.say, heads)), rows, highlight=marked)

    def _line(self, row: Row) -> tuple[str | Cell, ...]:
        figure, apart = row.figure, row.difference
        versus = ("", "") if apart is None else (_number(apart.value), between(apart.low, apart.high))
        verdict = self.say(row.verdict) if row.verdict else ""
        seconds = "" if row.seconds is None else Cell(f"{row.seconds:.1f}", row.seconds)
        own = (_number(figure.value), between(figure.low, figure.high), Cell(f"{figure.count:,}", figure.count))
        return (row.setting, *own, *versus, verdict, Cell(f"{sum(row.calls):,}", sum(row.calls)), seconds)

    def every(self) -> Table:
        names = [each.name for each in self.found.evaluations[self.found.baseline].estimates]
        heads = (self.say("name"), *self.found.settings, self.say("held-out data"))
        return Table(self.say("all figures"), heads, tuple(map(self._figure, names)))

    def _figure(self, name: str) -> tuple[str | Cell, ...]:
        rows = [self.found.row(setting, name) for setting in self.found.settings]
        cells = [_number(row.figure.value, between(row.figure.low, row.figure.high)) for row in rows]
        return (figure_name(name, self.language), *cells, _number(rows[0].figure.best))


def _number(value: float, hint: str = "") -> str | Cell:
    return Cell(shown(value), value, hint) if math.isfinite(value) else ""
