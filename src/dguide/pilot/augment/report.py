"""The report of a pilot on a rare class: the page of a manager first, then the evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from ... import __version__
from ... import checkpoint as checkpoints
from ...errors import require
from ...evaluate.statistics.crossed import Crossed
from ...plots.forest import forest_plot
from ...plots.saving import SavingWords, saving_chart
from ...progress import duration
from ..money import Decision, Prices, curve
from ..report import Answer, Block, Cell, Chart, Fact, Report, Section, Table, Text, chart, words
from .figures import FEW, more_examples
from .pictures import section
from .result import Result
from .settings import AugmentStudy
from .words import WORDS

__all__ = ["report"]

Say = Callable[..., str]
_COSTS = 41
"""Costs of a miss in the chart."""


def report(result: Result, made: Mapping[str, str]) -> Report:
    """The report.

    Args:
        result: What was found.
        made: How it was made, such as the command and the versions, by a key of `WORDS`.
    """
    study = result.found.study
    say = words(WORDS, study.language)
    decision, prices = result.decision, study.prices
    name = study.whole.name
    return Report(
        title=study.title or say("title", rare=study.rare, data=name),
        language=study.language,
        question=say("question", rare=study.rare, real=study.real),
        answer=_answer(result, say),
        facts=_facts(result, say),
        steps=tuple(_steps(result, say)),
        money=_money(result, decision, prices, say) if decision is not None and prices is not None else (),
        evidence=(
            _differences(result, say),
            _table(result, say),
            *_groups(result, say),
            _pictures(result, say),
            _how(result, say),
        ),
        settings={say(key): value for key, value in (_settings(result) | dict(made)).items()},
        notes=tuple(_notes(result, say)),
    )


def _answer(result: Result, say: Say) -> Answer:
    decision, prices, study = result.decision, result.found.study.prices, result.found.study
    new, old = (result.arms[name].figures for name in (result.new, result.old))
    because = say(
        "because",
        most=_percent(study.false_alarms),
        rare=study.rare,
        new=result.new,
        old=result.old,
        recall_new=_percent(new.recall.value),
        recall_old=_percent(old.recall.value),
        difference=_points(result.difference.recall.value),
        ends=_interval(result.difference.recall, _points, say),
        alarms_new=_percent(new.false_alarms.value),
        alarms_old=_percent(old.false_alarms.value),
    )
    beats = say(result.beats)
    if decision is None or prices is None:
        return Answer("neutral", say("neutral", beats=beats), because)
    net, years = _money_of(prices)(decision.net.value), f"{prices.years:g}"
    ends = _interval(decision.net, _money_of(prices), say)
    because = f"{say('because_money', years=years, net=net, ends=ends)} {because}"
    return Answer(decision.verdict, say(decision.verdict, net=net, years=years, beats=beats), because)


def _facts(result: Result, say: Say) -> tuple[Fact, ...]:
    new, old, less = result.arms[result.new].figures, result.arms[result.old].figures, result.difference
    found = []
    for key, figure in (("recall", "recall"), ("alarms", "false_alarms"), ("area", "area")):
        show = _percent if figure != "area" else _three
        apart = _points if figure != "area" else _three_signed
        own, other, difference = (getattr(each, figure) for each in (new, old, less))
        ends = _interval(difference, apart, say)
        note = say("difference_to", old=show(other.value), difference=apart(difference.value), ends=ends)
        found.append(Fact(say(key, rare=result.found.study.rare), show(own.value), _interval(own, show, say), note))
    decision, prices = result.decision, result.found.study.prices
    if decision is not None and prices is not None:
        money = _money_of(prices)
        yearly = decision.yearly
        found.append(Fact(say("yearly"), money(yearly.value), _interval(yearly, money, say), say("against")))
    return tuple(found)


def _steps(result: Result, say: Say) -> list[str]:
    decision, study = result.decision, result.found.study
    if decision is None or study.prices is None:
        steps = [say("step_prices")]
        if result.beats == "equal":
            steps.append(_more(more_examples(result.difference.recall), study.rare, say))
        return steps
    money, rare = _money_of(study.prices), study.rare
    if decision.verdict == "go":
        return [say("step_go_1", new=result.new), say("step_go_2")]
    if decision.verdict == "no-go":
        costs = math.isfinite(decision.break_even)
        second = say("step_no_cost", cost=money(decision.break_even)) if costs else say("step_no_never", rare=rare)
        return [say("step_no", old=result.old), second]
    steps, yearly = [_more(decision.more, rare, say)], study.prices.volume * study.prices.share
    if math.isfinite(decision.more) and decision.more > yearly:
        steps.append(say("step_more_many", yearly=f"{yearly:,.0f}"))
    return steps


def _more(count: float, rare: str, say: Say) -> str:
    return say("step_more", more=f"{count:,.0f}", rare=rare) if math.isfinite(count) else say("step_more_never")


def _money(result: Result, decision: Decision, prices: Prices, say: Say) -> tuple[Block, ...]:
    money = _money_of(prices)
    lines = [
        say(
            "money_text",
            miss=money(prices.miss),
            false_alarm=money(prices.false_alarm),
            volume=f"{prices.volume:,.0f}",
            share=_percent(prices.share),
            pilot=money(prices.pilot),
            running=money(prices.running),
        )
    ]
    even = decision.break_even
    if even == 0:
        lines.append(say("break_even_always"))
    elif math.isfinite(even):
        lines.append(say("break_even", cost=money(even)))
    else:
        lines.append(say("break_even_never"))
    if 0 < decision.sure < math.inf:
        lines.append(say("sure", cost=money(decision.sure)))
    return Text(" ".join(lines)), _saving_chart(result, decision, prices, say)


def _saving_chart(result: Result, decision: Decision, prices: Prices, say: Say) -> Chart:
    new, old = (result.arms[name].decisions for name in (result.new, result.old))
    scale = max(prices.miss, 1e-9)
    last = scale * 10
    even = decision.break_even if scale / 10 <= decision.break_even <= last else None
    costs = np.geomspace(scale / 10, last, _COSTS)
    nets = curve(new, old, prices, costs)
    years = f"{prices.years:g}"
    shown = SavingWords(
        cost=say("axis_cost", currency=prices.currency),
        saving=say("axis_net", years=years, currency=prices.currency),
        band=say("band"),
        here=say("here"),
        break_even=say("even"),
    )
    figure = saving_chart(
        costs, nets[:, 0], nets[:, 1], nets[:, 2], words=shown, here=prices.miss or None, break_even=even
    )
    money = _money_of(prices)
    told = say("chart_money_told", low=money(costs[0]), high=money(costs[-1]))
    return chart(figure, say("chart_money", years=years), told)


def _differences(result: Result, say: Say) -> Section:
    others = [name for name in result.arms if name != result.old]
    recalls = [result.arms[name].less(result.arms[result.old]).recall for name in others]
    figure = forest_plot(
        others,
        [each.value for each in recalls],
        [each.low for each in recalls],
        [each.high for each in recalls],
        label=say("axis_difference"),
        legend=(say("legend_better"), say("legend_worse"), say("legend_equal")),
    )
    title = say(f"section_{result.beats}", new=result.new)
    return Section(title, (chart(figure, say("forest", old=result.old), say("forest_told")),))


def _table(result: Result, say: Say) -> Section:
    rows = list[tuple[str | Cell, ...]]()
    hints = {result.new: say("chosen"), result.old: say("baseline")}
    for name, judged in result.arms.items():
        found = judged.figures
        cells = [
            Cell(_percent(each.value), each.value, _interval(each, _percent, say))
            for each in (found.recall, found.false_alarms, found.accuracy)
        ]
        area = Cell(_three(found.area.value), found.area.value, _interval(found.area, _three, say))
        row: list[str | Cell] = [Cell(name, hint=hints.get(name, "")), *cells, area]
        rows.append(tuple(row))
    heads = (say("arm"), say("recall_short"), say("alarms"), say("accuracy"), say("area"))
    marked = tuple(sorted(list(result.arms).index(name) for name in hints))
    table = Table(say("table", runs=result.found.study.runs), heads, tuple(rows), highlight=marked)
    return Section(say("section_all", count=f"{len(result.found.test):,}"), (table,))


def _groups(result: Result, say: Say) -> list[Section]:
    study, groups = result.found.study, result.found.groups
    if groups is None or study.by is None:
        return []
    names = next(each.class_names for each in study.whole.conditions if each.name == study.by)
    rare = next(iter(result.arms.values())).rare
    shown = [value for value in range(len(names)) if ((groups == value) & (result.found.test == rare)).any()]
    counts = [int(((groups == value) & (result.found.test == rare)).sum()) for value in shown]
    heads = [say("group", name=names[value], count=count) for value, count in zip(shown, counts, strict=True)]
    rows = list[tuple[str | Cell, ...]]()
    for name, judged in result.arms.items():
        recalls = [judged.recall_of(groups == value) for value in shown]
        cells = [Cell(_percent(r.value), r.value, _interval(r, _percent, say)) for r in recalls if r is not None]
        rows.append((name, *cells))
    table = Table(say("table_by"), (say("arm"), *heads), tuple(rows))
    return [Section(say("section_by", rare=study.rare, by=study.by), (table,))]


def _pictures(result: Result, say: Say) -> Section:
    study, found = result.found.study, result.found
    filled = [arm.name for arm in found.arms if arm.name in found.pictures.generated and arm.way == "filled"]
    return section(found.pictures, study.whole.codec, filled, study.rare, say)


def _how(result: Result, say: Say) -> Section:
    study, found = result.found.study, result.found
    text = say(
        "how_text" if study.model is None else "how_text_model",
        runs=study.runs,
        real=study.real,
        rare=study.rare,
        added=found.added,
        classifier=study.classifier,
    )
    bits = ", ".join(f"{each:.3f}" for each in found.bits)
    return Section(say("how"), (Text("\n\n".join((text, say("how_chosen"), say("how_bits", bits=bits)))),))


def _notes(result: Result, say: Say) -> list[str]:
    study, found = result.found.study, result.found
    judged = result.arms[result.new]
    count = int((found.test == judged.rare).sum())
    notes = [say("few", count=count, rare=study.rare)] if count < FEW else []
    if judged.too_few:
        notes.append(say("too_few", lacking=judged.too_few))
    if study.whole.synthetic:
        notes.append(say("synthetic"))
    if study.example_prices:
        notes.append(say("example_prices"))
    if study.has_seen_all:
        notes.append(say("seen_all", rare=study.rare))
    elif study.model is not None:
        notes.append(say("one_choice", real=study.real, rare=study.rare))
    notes += [say("interval_note" if study.model is None else "interval_note_model"), say("many_note")]
    if "filled" in study.ways:
        notes.append(say("filled_from"))
    if study.whole.licence:
        notes.append(say("licence", licence=study.whole.licence))
    return notes


def _settings(result: Result) -> dict[str, str]:
    study = result.found.study
    torch, numpy = (require(name, "train").__version__ for name in ("torch", "numpy"))
    return {
        "data": study.whole.name,
        "guidance": "; ".join(f"{study.titles[each.label]} = {each.label}" for each in study.settings),
        **_model(study),
        "classifier": study.classifier,
        "ordinary": repr(study.augmentation),
        "seeds": ", ".join(map(str, range(study.runs))),
        "time": ", ".join(f"{what} {duration(spent)}" for what, spent in result.found.seconds.items()),
        "versions": f"dguide {__version__}, torch {torch}, numpy {numpy}",
    }


def _model(study: AugmentStudy) -> dict[str, str]:
    """How the models came about."""
    if study.model is not None:
        return {"model": study.model, "training": checkpoints.load(study.model).config.command}
    return {"training": ", ".join(f"{name}={value}" for name, value in study.train.items())}


def _interval(figure: Crossed, show: Callable[[float], str], say: Say) -> str:
    return say("interval", low=show(figure.low), high=show(figure.high))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f} %"  # adding 0 makes -0 positive


def _three(value: float) -> str:
    return f"{value:.3f}"


def _three_signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}"


def _money_of(prices: Prices) -> Callable[[float], str]:
    def show(amount: float) -> str:
        digits = 0 if abs(amount) >= 100 or amount == round(amount) else 2
        return f"{amount:,.{digits}f} {prices.currency}"

    return show
