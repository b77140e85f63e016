"""The report of a pilot on a rare class: the page of a manager first, then the evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from .... import __version__
from .... import checkpoint as checkpoints
from ....errors import require
from ....plots.forest import forest_plot
from ....progress import duration
from ....train.cost import FEW as FEW_STEPS
from ...report import Answer, Block, Cell, Fact, Report, Section, Table, Text, chart, words
from ..figures import FEW, more_examples
from ..pictures import section
from ..result import Result
from .amounts import ends, interval, money_of, percent, points, points_interval, span, three, three_signed
from .names import arm_name, setting_name
from .saving import money_blocks
from .words import WORDS

__all__ = ["report"]


def report(result: Result, made: Mapping[str, str]) -> Report:
    """The report.

    Args:
        result: What was found.
        made: How it was made, such as the command and the versions, by a key of `WORDS`.
    """
    return _Writer(result).report(made)


class _Writer:
    """The parts of the report of one pilot in its language."""

    def __init__(self, result: Result) -> None:
        self.result, self.found, self.study = result, result.found, result.found.study
        self.say = words(WORDS, self.study.language)
        self.names = {arm.name: arm_name(arm, self.say) for arm in self.found.arms}
        self.new, self.old = self.names[result.new], self.names[result.old]

    def report(self, made: Mapping[str, str]) -> Report:
        say, study, result = self.say, self.study, self.result
        money: tuple[Block, ...] = ()
        if result.decision is not None and study.prices is not None:
            new, old = (result.arms[name].decisions for name in (result.new, result.old))
            money = money_blocks(result.decision, new, old, study.prices, say)
        return Report(
            title=study.title or say("title", rare=study.rare, data=study.called),
            language=study.language,
            question=say("question", rare=study.rare, real=study.real),
            answer=self.answer(),
            facts=tuple(self.facts()),
            steps=(*self.longer(), *self.steps()),
            money=money,
            evidence=(self.differences(), self.table(), *self.groups(), self.pictures(), self.how()),
            settings={say(key): value for key, value in (self.settings() | dict(made)).items()},
            notes=tuple(self.notes()),
        )

    def answer(self) -> Answer:
        say, result, study = self.say, self.result, self.study
        new, old = (result.arms[name].figures for name in (result.new, result.old))
        because = say(
            "because",
            most=percent(study.false_alarms),
            rare=study.rare,
            new=self.new,
            old=self.old,
            recall_new=percent(new.recall.value),
            recall_old=percent(old.recall.value),
            difference=points(result.difference.recall.value, say),
            ends=points_interval(result.difference.recall, say),
            alarms_new=percent(new.false_alarms.value),
            alarms_old=percent(old.false_alarms.value),
        )
        beats, decision = say(result.beats), result.decision
        if decision is None or study.prices is None:
            return Answer("neutral", say("neutral", beats=beats), because)
        money, after = money_of(study.prices), span(study.prices, say)
        net = money(decision.net.value)
        first = say("because_money", span=after, net=net, ends=interval(decision.net, money, say))
        headline = say(decision.verdict, net=net, span=after, beats=beats)
        return Answer(decision.verdict, headline, f"{first}{self.space}{because}")

    @property
    def space(self) -> str:
        """What stands between two sentences."""
        return "" if self.study.language == "ja" else " "

    def facts(self) -> Iterator[Fact]:
        say, result = self.say, self.result
        new, old, less = result.arms[result.new].figures, result.arms[result.old].figures, result.difference
        for key, figure in (("recall", "recall"), ("alarms", "false_alarms")):
            own, other, apart = (getattr(each, figure) for each in (new, old, less))
            told = {"difference": points(apart.value, say), "ends": points_interval(apart, say)}
            note = say("difference_to", old=percent(other.value), **told)
            yield Fact(say(key, rare=self.study.rare), percent(own.value), interval(own, percent, say), note)
        told = {"difference": three_signed(less.area.value), "ends": interval(less.area, three_signed, say)}
        note = say("difference_to", old=three(old.area.value), **told)
        yield Fact(say("area"), three(new.area.value), interval(new.area, three, say), note)
        if result.decision is not None and self.study.prices is not None:
            money, yearly = money_of(self.study.prices), result.decision.yearly
            yield Fact(say("yearly"), money(yearly.value), interval(yearly, money, say), say("against"))

    def longer(self) -> Iterator[str]:
        """The advice to train for longer, if a model has learnt so little that its examples say nothing."""
        if min(self.found.steps) < FEW_STEPS:
            key = "step_longer" if self.study.model is None else "step_longer_model"
            yield self.say(key, steps=f"{min(self.found.steps):,}", least=FEW_STEPS)

    def steps(self) -> Iterator[str]:
        say, decision, study = self.say, self.result.decision, self.study
        if decision is None or study.prices is None:
            yield say("step_prices")
            if self.result.beats == "equal":
                yield self.more(more_examples(self.result.difference.recall))
            return
        money = money_of(study.prices)
        if decision.verdict == "go":
            yield say("step_go_1", new=self.new)
            yield say("step_go_2")
        elif decision.verdict == "no-go":
            yield say("step_no", old=self.old)
            costs = math.isfinite(decision.break_even)
            yield (
                say("step_no_cost", cost=money(decision.break_even)) if costs else say("step_no_never", rare=study.rare)
            )
        else:
            yield self.more(decision.more)
            yearly = study.prices.volume * study.prices.share
            if math.isfinite(decision.more) and decision.more > yearly:
                yield say("step_more_many", yearly=f"{yearly:,.0f}")

    def more(self, count: float) -> str:
        if math.isinf(count):
            return self.say("step_more_never")
        return self.say("step_more", more=f"{count:,.0f}", rare=self.study.rare)

    def differences(self) -> Section:
        say, result = self.say, self.result
        others = [name for name in result.arms if name != result.old]
        recalls = [result.arms[name].less(result.arms[result.old]).recall for name in others]
        figure = forest_plot(
            [self.names[name] for name in others],
            *([100 * getattr(each, end) for each in recalls] for end in ("value", "low", "high")),
            label=say("axis_difference"),
            legend=(say("legend_better"), say("legend_worse"), say("legend_equal")),
        )
        better, worse = sum(each.low > 0 for each in recalls), sum(each.high < 0 for each in recalls)
        told = {"old": self.old, "count": len(others), "better": better, "worse": worse}
        title = say("forest", **told) if better or worse else say("forest_none", old=self.old)
        drawing = chart(figure, title, say("forest_told", old=self.old))
        return Section(say(f"section_{result.beats}", new=self.new), (drawing,))

    def table(self) -> Section:
        say, result = self.say, self.result
        rows = list[tuple[str | Cell, ...]]()
        hints = {result.new: say("chosen"), result.old: say("baseline")}
        for name, judged in result.arms.items():
            found = judged.figures
            cells = [
                Cell(percent(each.value), each.value, ends(each, percent, say))
                for each in (found.recall, found.false_alarms, found.accuracy)
            ]
            area = Cell(three(found.area.value), found.area.value, ends(found.area, three, say))
            rows.append((Cell(self.names[name], hint=hints.get(name, "")), *cells, area))
        heads = tuple(map(say, ("arm", "recall_short", "alarms_short", "accuracy", "area_short")))
        marked = tuple(sorted(list(result.arms).index(name) for name in hints))
        caption = say("table", runs=self.study.runs, count=f"{len(self.found.test):,}")
        best = max(result.arms, key=lambda name: result.arms[name].figures.recall.value)
        title = say("section_all", best=self.names[best], recall=percent(result.arms[best].figures.recall.value))
        return Section(title, (Table(caption, heads, tuple(rows), highlight=marked), self.adds()))

    def adds(self) -> Table:
        """What each kind of arm adds."""
        say, kinds = self.say, ["none", "oversampling", "rare", "all", "unguided", "guided", "filled", "ordinary"]
        if "filled" not in self.study.ways:
            kinds.remove("filled")
        rows = tuple((say(f"arm_{each}", setting="…", name="…"), say(f"adds_{each}")) for each in kinds)
        return Table(say("arms", rare=self.study.rare), (say("arm"), say("adds")), rows, align=("left", "left"))

    def groups(self) -> Sequence[Section]:
        say, study, groups = self.say, self.study, self.found.groups
        if groups is None or study.by is None:
            return ()
        names = next(each.class_names for each in study.whole.conditions if each.name == study.by)
        rare = next(iter(self.result.arms.values())).rare
        shown = [value for value in range(len(names)) if ((groups == value) & (self.found.test == rare)).any()]
        counts = [int(((groups == value) & (self.found.test == rare)).sum()) for value in shown]
        heads = [say("group", name=names[value], count=count) for value, count in zip(shown, counts, strict=True)]
        rows = list[tuple[str | Cell, ...]]()
        for name, judged in self.result.arms.items():
            recalls = [judged.recall_of(groups == value) for value in shown]
            cells = [Cell(percent(r.value), r.value, ends(r, percent, say)) for r in recalls if r is not None]
            rows.append((self.names[name], *cells))
        table = Table(say("table_by"), (say("arm"), *heads), tuple(rows))
        return (Section(say("section_by", rare=study.rare, by=study.by), (table,)),)

    def pictures(self) -> Section:
        shown = self.found.pictures
        filled = [arm.name for arm in self.found.arms if arm.name in shown.generated and arm.way == "filled"]
        return section(shown, self.study.whole.codec, filled, self.study.rare, self.names, self.say)

    def how(self) -> Section:
        say, study = self.say, self.study
        text = say(
            "how_text" if study.model is None else "how_text_model",
            runs=study.runs,
            real=study.real,
            rare=study.rare,
            added=self.found.added,
            classifier=study.classifier,
        )
        bits = ", ".join(f"{each:.3f}" for each in self.found.bits)
        return Section(say("how"), (Text("\n\n".join((text, say("how_chosen"), say("how_bits", bits=bits)))),))

    def notes(self) -> Iterator[str]:
        say, study = self.say, self.study
        count = int((self.found.test == self.result.arms[self.result.new].rare).sum())
        if count < FEW:
            yield say("few", count=count, rare=study.rare)
        if study.whole.synthetic:
            yield say("synthetic")
        if study.example_prices:
            yield say("example_prices")
        if study.has_seen_all:
            yield say("seen_all", rare=study.rare)
        elif study.model is not None:
            yield say("one_choice", real=study.real, rare=study.rare)
        yield say("interval_note" if study.model is None else "interval_note_model")
        yield say("many_note")
        if "filled" in study.ways:
            yield say("filled_from")
        if study.whole.licence:
            yield say("licence", licence=study.whole.licence)

    def settings(self) -> dict[str, str]:
        study, say = self.study, self.say
        torch, numpy = (require(name, "train").__version__ for name in ("torch", "numpy"))
        drawn = (f"{setting_name(study.titles[each.label], say)} = {each.label}" for each in study.settings)
        return {
            "data": study.whole.name,
            "guidance": "; ".join(drawn),
            **self.model(),
            "classifier": study.classifier,
            "ordinary": _listed(vars(study.augmentation)),
            "seeds": ", ".join(map(str, range(study.runs))),
            "time": ", ".join(f"{say(what)} {duration(spent)}" for what, spent in self.found.seconds.items()),
            "versions": f"dguide {__version__}, torch {torch}, numpy {numpy}",
        }

    def model(self) -> dict[str, str]:
        """How the models came about."""
        if self.study.model is not None:
            return {"model": self.study.model, "training": checkpoints.load(self.study.model).config.command}
        return {"training": _listed(self.study.train)}


def _listed(values: Mapping[str, object]) -> str:
    """Settings as the command line takes them, as in "shift=0.05, rotation=10"."""
    return ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()
    )
