"""The section of docs/results.md: a paragraph, a figure, and a table of the signals."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dguide.plots import style
from dguide.theory.summary import quartiles, rank_correlation
from studies.common import inside, table
from studies.decides import replaced
from studies.decides.case import QUESTIONS

__all__ = ["pictures", "sections"]

SIGNALS = {
    "crowding": "pace",
    "orders": "order",
    "orders x error": "order times error",
    "error": "error",
    "strength": "strength",
}
"""The signals of the rule, as the page names them."""


def sections(found: dict[str, Any]) -> dict[str, str]:
    """The paragraphs and the table."""
    return {
        "decides score": scored(found),
        "decides estimates": estimates(found),
        "decides signals": signals(found),
        "decides signals uniform": replaced.signals(found["replaced"]),
    }


def scored(found: dict[str, Any]) -> str:
    """What the rule is worth, beside the trivial predictor."""
    target = found["score"]["known, target"]
    score, known, seen = (found["score"][name] for name in ("real", "known", "real, others seen"))
    constant, alone = next(iter(found["alone"].items()))
    best = max(alone, key=lambda name: abs(alone[name]["value"]))
    return "\n".join(
        [
            f"**Problems with known truth**, {known['pairs']:,} gains, one kind of problem left out at a time.",
            f"The rule has the right sign in {shares(known['rule'])}.",
            f'"`Normalized` and ramp-up are always better" has it in {shares(known["trivial"])}.',
            f"The difference is {difference(known['better'])}: {verdict(known)}.",
            f"Of the single signals of the rule, the {SIGNALS[best]} goes best with the first question ({constant}):",
            f"rank correlation {words_of(alone[best])}.",
            "By the distance to the tilted target instead, on random problems alone, the rule has the right sign in",
            f"{shares(target['rule'])}, the trivial predictor in",
            f"{shares(target['trivial'])}.",
            "",
            f"**Real models**, {score['pairs']} gains, none of which the rule has seen.",
            f"{score['rule']['count']} of them are decided.",
            f"The rule has the right sign in {shares(score['rule'])}, the trivial predictor in",
            f"{shares(score['trivial'])}: {verdict(score)}.",
            "If the other data sets are fitted too, the rule has it in",
            f"{shares(seen['rule'])}. The rank correlation of predicted and measured gains is",
            f"{words_of(score['ranks'])}. Without the signs it is {words_of(score['sizes'])}.",
        ]
    )


def difference(better: list[Any]) -> str:
    """The mean over groups of the difference of two shares, with its interval if there is one."""
    value, low, high = better
    return inside(value, low, high)


def verdict(score: dict[str, Any]) -> str:
    """Whether the rule is better than the trivial predictor."""
    _, low, high = score["better"]
    if low is None:
        return "one data set cannot tell which of them is better"
    if low > 0:
        return "the rule is better"
    return "the trivial predictor is better" if high < 0 else "it is not shown that either is better"


def shares(share: dict[str, Any]) -> str:
    """The numbers of all together, and the mean over groups with its interval."""
    ends = "" if share["low"] is None else f", {share['low']:.2f} to {share['high']:.2f}"
    groups = f"; mean over {share['groups']} groups {share['value']:.2f}{ends}" if share["groups"] > 1 else ""
    return f"{share['right']:,} of {share['count']:,}{f' ({groups[2:]})' if groups else ', all of one data set'}"


def words_of(correlation: dict[str, Any] | None) -> str:
    return "unknown" if correlation is None else inside(*(correlation[end] for end in ("value", "low", "high")))


def signals(found: dict[str, Any]) -> str:
    """A row for each model: means over the noise levels."""
    rows = []
    for model in found["models"]:
        levels = model["levels"]

        def mean(name: str, levels: list[dict[str, float]] = levels) -> float:
            return sum(level[name] for level in levels) / len(levels)

        unsure = math.sqrt(sum(level["unsure"] ** 2 for level in levels)) / len(levels)
        rows.append(
            [
                f"`{model['model']}`",
                f"{levels[0]['log_z']:.2f}",
                f"{mean('log_z'):.2f}",
                f"{mean('clash'):.4f}",
                f"{mean('dependence'):.3f}",
                f"{mean('error_ratio'):.3f}",
                f"{mean('shared'):.2f}",
                f"{mean('claimed'):.3f}",
                f"{mean('confirmed'):.3f} ± {1.96 * unsure:.3f}",
            ]
        )
    head = (
        "model | :log Z_w at noise | :log Z_w, mean | :clash | :dependence | :error_ratio | :shared | :claimed "
        "| :confirmed, 95 %"
    )
    first = found["models"][0]
    said = (
        f"w = {first['weight']:g}; {first['sequences']} sequences of the validation part, seed 0; means over the noise "
        "levels 1, 0.75, 0.5 and 0.25."
    )
    return f"{table(head, rows)}\n\n{said}"


def estimates(found: dict[str, Any]) -> str:
    """How far the estimates of errors are right where the truth is known."""
    lines = ["Estimate over truth, as median (quartiles) over problems with planted errors:", ""]
    for words, kind in (("random problems", "problems"), ("blurred digits", "blurred")):
        some = [each for each in found[kind] if "none" not in each["errors"]]
        told = [of_truth(some, name) for name in ("inconsistency", "overclaim")]
        apart = quartiles([abs(each["estimates"]["shared"] - each["truth"]["shared"]) for each in some])
        lines += [
            f"- {words} ({len(some)}), error of the log-ratio from the order of pairs: {told[0]};",
            f"- {words}, from held-out tokens: {told[1]};",
            f"- {words}, what the errors share: off by {apart}.",
        ]
    return "\n".join(lines)


def of_truth(some: list[dict[str, Any]], name: str) -> str:
    """The share of the true error that an estimate has, and the rank correlation of the two."""
    ratios = [each["estimates"][name] / each["truth"]["ratio"] for each in some]
    ranks = ranked(some, lambda each: each["estimates"][name], lambda each: each["truth"]["ratio"])
    return f"{quartiles(ratios)}{f', rank correlation {ranks}' if ranks else ''}"


def ranked(
    some: list[dict[str, Any]], one: Callable[[dict[str, Any]], float], two: Callable[[dict[str, Any]], float]
) -> str:
    """The rank correlation of two numbers of each problem; nothing if there are too few, or they are all alike."""
    first, second = [one(each) for each in some], [two(each) for each in some]
    if len(some) < 4 or len(set(first)) < 2:
        return ""
    return str(rank_correlation(first, second))


def pictures(found: dict[str, Any], folder: Path) -> None:
    """Predicted against measured gains of the real models, a panel for each question."""
    figure = style.blank((8.0, 6.2))
    names = sorted({each["model"] for each in found["predictions"]})
    panels = figure.subplots(2, 2)
    for axes, question in zip(panels.flat, QUESTIONS, strict=True):
        for number, name in enumerate(names):
            some = [e for e in found["predictions"] if (e["model"], e["question"]) == (name, question)]
            if not some:
                continue
            look = style.series(number)
            errors = [0.0 if e["error"] is None else 1.96 * e["error"] for e in some]
            axes.errorbar(
                [e["predicted"] for e in some],
                [e["measured"] for e in some],
                errors,
                linestyle="none",
                markersize=5,
                elinewidth=0.8,
                label=name,
                **look,
            )
        axes.axhline(0, color="0.4", linewidth=0.8)
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_title(question, fontsize=11)
        axes.locator_params(axis="x", nbins=5)
        axes.grid(alpha=0.25)
    for axes in panels[-1]:
        axes.set_xlabel("predicted gain")
    for axes in panels[:, 0]:
        axes.set_ylabel("measured gain, 95 %\n(above 0: the first is nearer)")
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), frameon=False)
    style.save(figure, folder / "decides.png")
