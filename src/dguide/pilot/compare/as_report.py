"""A comparison as the records of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from ...evaluate.evaluation import shown
from ...guidance import Constant
from ...plots.images import ink
from ...plots.rows import MOST_BYTES, PictureRow, picture_rows
from ..report import Answer, Block, Cell, Fact, Language, Pictures, Report, Section, Table, Text, chart, words
from .charts import charts, unbeaten
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
        self._words = words(WORDS, language)
        self.main = figure_name(found.main, language)
        self.rows = [row for row in found.rows if row.main]
        self.figures = charts(found, language, replaced=False)
        self.winner = found.winner

    def say(self, key: str, **values: object) -> str:
        """A sentence. No blank follows a wide bracket, in which the name of a setting may end."""
        return self._words(key, **values).replace("\uff09 ", "\uff09")

    def between(self, low: float, high: float, level: str = "") -> str:
        """The ends of an interval, with its level if it stands nowhere else; nothing if there is none."""
        if math.isnan(low) or math.isnan(high):
            return ""
        ends = self.say("to", low=shown(low), high=shown(high))
        return self.say("at", level=level, ends=ends) if level else ends

    def report(self) -> Report:
        found, say = self.found, self.say
        model, data = found.about["model"], found.about["data"] or say("no data")
        about, better = {**found.about, "deciding figure": self.main}, self.rows[0].figure.better
        main = f"{self.main}{say(better) if better else ''}"
        return Report(
            title=say("title", model=model),
            language=self.language,
            question=say("question", model=model, figure=main, data=data),
            answer=Answer(self.verdict, self.headline(), found.advice(self.language)),
            facts=tuple(self.facts()),
            steps=(self.steps(),),
            money=(),
            evidence=tuple(self.evidence()),
            settings={say(name) if name in WORDS[self.language] else name: text for name, text in about.items()},
            notes=(say("together"), say("judge")),
        )

    @property
    def verdict(self) -> Literal["go", "no-go", "not-yet"]:
        if self.winner is not None:
            return "go"
        apart = [row for row in self.rows if row.difference is not None]
        return "no-go" if all(row.verdict == "worse" for row in apart) else "not-yet"

    def headline(self) -> str:
        winner = "" if self.winner is None else self.called(self.winner.setting)
        values = {"setting": winner, "baseline": self.called(self.found.baseline)}
        return self.say(self.verdict, **values, figure=self.main)

    def steps(self) -> str:
        setting = self.found.baseline if self.winner is None else self.winner.setting
        return self.say(f"{self.verdict} step", setting=self.called(setting))

    def called(self, setting: str) -> str:
        """The name of a setting, which says so if it is no guidance."""
        weight = self.found.settings[setting].guidance.weight
        plain = isinstance(weight, Constant) and weight.mean() == 0
        return self.say("no guidance", setting=setting) if plain else setting

    def facts(self) -> Iterator[Fact]:
        """The main figure of the baseline and of the best setting, its difference, and the cost."""
        base = self.found.row(self.found.baseline, self.found.main)
        best = self.winner or self.nearest()
        for row in (base, best):
            yield self._fact(self.say("figure of", figure=self.main, setting=self.called(row.setting)), row)
        if best.difference is not None:
            apart = best.difference
            interval = self.between(apart.low, apart.high, f"{100 * apart.level:.4g} %")
            name = self.say("difference of", baseline=base.setting)
            yield Fact(name, shown(apart.value), interval, self.say("together"))
        calls = self.say("calls", calls=sum(best.calls), usual=sum(base.calls), baseline=base.setting)
        yield Fact(self.say("cost"), f"{sum(best.calls):,}", note=calls)

    def nearest(self) -> Row:
        """Where none is better: the setting that is best all the same."""
        others = [row for row in self.rows if row.difference is not None]
        return max(others, key=lambda row: row.gain[0] if math.isfinite(row.gain[0]) else -math.inf)

    def _fact(self, name: str, row: Row) -> Fact:
        figure = row.figure
        interval = self.between(figure.low, figure.high, "95 %")
        best = self.say("held-out", value=shown(figure.best)) if math.isfinite(figure.best) else ""
        return Fact(name, shown(figure.value) or "?", interval, best)

    def evidence(self) -> Iterator[Section]:
        say = self.say
        verdicts = [row.verdict for row in self.rows if row.difference is not None]
        counts = {"better": verdicts.count("better"), "worse": verdicts.count("worse"), "count": len(verdicts)}
        title = say("verdicts", **counts, figure=self.main, baseline=self.called(self.found.baseline))
        yield Section(title, (self.decisive(), Text(say("names")), *self.drawn("weight", "calls")))
        yield Section(say("price"), (*self.drawn("diversity"), *self.pictures(), self.every()))
        strength = self.drawn("strength")
        if strength:
            yield Section(say("strength"), (Text(say("strength text")), *strength))

    def drawn(self, *kinds: str) -> Iterator[Block]:
        """The figures of these kinds that there are."""
        for kind in kinds:
            figure = self.figures.get(f"{kind}.png")
            if figure is not None:
                yield chart(figure, self.title(kind), self.say(f"{kind} text"))

    def title(self, kind: str) -> str:
        """What a figure shows, as a sentence."""
        found, say = self.found, self.say
        if kind == "strength":
            strong = max(found.diagnostics, key=lambda name: float(found.diagnostics[name].log_z.nan_to_num().max()))
            return say("strength title", setting=strong)
        if kind == "diversity":
            return say("diversity title", count=len(found.settings), kept=say("and").join(unbeaten(found)) or "-")
        if not self.rows[0].figure.better:
            return say("undirected title", figure=self.main)
        best, base = self.winner or self.nearest(), found.row(found.baseline, found.main)
        if best.difference is None or not best.gain[0] > 0:
            best = base
        told = {"figure": self.main, "setting": self.called(best.setting), "value": shown(best.figure.value)}
        if kind == "calls":
            return say("calls title", **told, calls=sum(best.calls), usual=min(sum(row.calls) for row in self.rows))
        shown_better = best is base or best.verdict == "better"
        return say("best title" if shown_better else "best by chance title", **told, baseline=found.baseline)

    def pictures(self) -> Iterator[Block]:
        """The first samples of each setting, a row each, if they are pictures."""
        codec, samples = self.found.codec, self.found.samples
        if codec is None or codec.shape is None or not samples:
            return
        rows = [PictureRow(self.called(name), ink(codec, tokens)) for name, tokens in samples.items()]
        yield Text(self.say("samples text"))
        for row, png in zip(rows, picture_rows(rows, MOST_BYTES), strict=True):
            yield Pictures(png, row.name, self.say("samples alt", setting=row.name))

    def decisive(self) -> Table:
        heads = ("setting", "value", "interval", "n", "difference", "together interval", "verdict", "cost", "seconds")
        rows = tuple(self._line(row) for row in self.rows)
        marked = tuple(number for number, row in enumerate(self.rows) if row is self.winner)
        caption = self.say("decisive", figure=self.main, baseline=self.found.baseline)
        return Table(caption, tuple(map(self.say, heads)), rows, highlight=marked)

    def _line(self, row: Row) -> tuple[str | Cell, ...]:
        figure, apart = row.figure, row.difference
        versus = ("", "") if apart is None else (_number(apart.value), self.between(apart.low, apart.high))
        verdict = self.say(row.verdict) if row.verdict else ""
        seconds = "" if row.seconds is None else Cell(f"{row.seconds:.1f}", row.seconds)
        own = (_number(figure.value), self.between(figure.low, figure.high), Cell(f"{figure.count:,}", figure.count))
        return (row.setting, *own, *versus, verdict, Cell(f"{sum(row.calls):,}", sum(row.calls)), seconds)

    def every(self) -> Table:
        names = [each.name for each in self.found.evaluations[self.found.baseline].estimates]
        heads = (self.say("name"), *self.found.settings, self.say("held-out data"))
        return Table(self.say("all figures"), heads, tuple(map(self._figure, names)))

    def _figure(self, name: str) -> tuple[str | Cell, ...]:
        rows = [self.found.row(setting, name) for setting in self.found.settings]
        cells = [_number(row.figure.value, self.between(row.figure.low, row.figure.high)) for row in rows]
        return (figure_name(name, self.language), *cells, _number(rows[0].figure.best))


def _number(value: float, hint: str = "") -> str | Cell:
    return Cell(shown(value), value, hint) if math.isfinite(value) else ""
