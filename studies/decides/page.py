"""The section of docs/results.md: a paragraph, a figure, and a table of the signals."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from dguide.plots import style
from dguide.theory.summary import rank_correlation
from studies.common import table
from studies.decides.case import QUESTIONS

__all__ = ["pictures", "sections"]


def sections(found: dict[str, Any]) -> dict[str, str]:
    """The paragraphs and the table."""
    return {"decides score": scored(found), "decides signals": signals(found), "decides estimates": estimates(found)}


def scored(found: dict[str, Any]) -> str:
    """What the rule is worth, beside the trivial predictor."""
    score, known = found["score"]["real"], found["score"]["known"]
    seen = found["score"]["real, others seen"]
    lines = [
        f"The rule was fitted to {known['pairs']} gains of random problems and blurred digits, and then fixed. "
        f"For the real models there are {score['pairs']} gains; {score['rule']['count']} of them are decided.",
        "",
        table(
            "score | :the rule | :`Normalized` and ramp-up always",
            [
                ["right signs, known problems, one kind left out", *both(known)],
                ["right signs, real models, none of them seen", *both(score)],
                ["right signs, real models, one data set left out", *both(seen)],
                ["rank correlation with the gains of real models", str_of(score["ranks"]), "0"],
                ["that of the sizes, without sign", str_of(score["sizes"]), "0"],
            ],
        ),
    ]
    return "\n".join(lines)


def both(score: dict[str, Any]) -> list[str]:
    return [shares(score["rule"]), shares(score["trivial"])]


def shares(share: dict[str, Any]) -> str:
    """Mean over groups with its interval, and the numbers of all together."""
    return (
        f"{share['value']:.2f} ({share['low']:.2f} to {share['high']:.2f}); "
        f"{share['right']} of {share['count']} in {share['groups']} groups"
    )


def str_of(correlation: dict[str, Any] | None) -> str:
    return "" if correlation is None else "{value:.2f} ({low:.2f} to {high:.2f})".format(**correlation)


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
        "model | :log Z at noise | :log Z, mean | :clash of orders | :dependence | :error of the log-ratio, at least "
        "| :errors shared | :nats claimed | :nats confirmed"
    )
    first = found["models"][0]
    said = (
        f"w = {first['weight']:g}; {first['sequences']} sequences of the validation part, seed 0; means over the noise "
        "levels 1, 0.75, 0.5 and 0.25."
    )
    return f"{table(head, rows)}\n\n{said}"


def estimates(found: dict[str, Any]) -> str:
    """How far the estimates of errors are right where the truth is known."""
    erring = [each for each in found["problems"] if each["errors"] != "none"]
    blurred = [each for each in found["blurred"] if "none" not in each["errors"]]
    lines = []
    for words, some in (("random problems", erring), ("blurred digits", blurred)):
        for name in ("inconsistency", "overclaim"):
            ratios = [each["estimates"][name] / each["truth"]["ratio"] for each in some]
            ranks = ranked(some, lambda each, name=name: each["estimates"][name], lambda each: each["truth"]["ratio"])  # type: ignore[misc]
            lines.append([words, name, str(len(some)), f"{median(ratios):.2f}", ranks])
        ranks = ranked(some, lambda each: each["estimates"]["shared"], lambda each: each["truth"]["shared"])
        apart = median(abs(each["estimates"]["shared"] - each["truth"]["shared"]) for each in some)
        lines.append([words, "shared", str(len(some)), f"{apart:.2f} off", ranks])
    return table(
        "problems | estimate | :problems | :median of estimate / truth | :rank correlation with the truth", lines
    )


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
    figure = style.blank((11.5, 3.6))
    names = sorted({each["model"] for each in found["predictions"]})
    for axes, question in zip(figure.subplots(1, len(QUESTIONS)), QUESTIONS, strict=True):
        for number, name in enumerate(names):
            some = [e for e in found["predictions"] if (e["model"], e["question"]) == (name, question)]
            if not some:
                continue
            look = style.series(number)
            errors = [0.0 if e["error"] is None or math.isnan(e["error"]) else 1.96 * e["error"] for e in some]
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
        axes.set_title(question.replace(", ", ",\n"), fontsize=10)
        axes.set_xlabel("predicted log-ratio")
        axes.grid(alpha=0.25)
    figure.axes[0].set_ylabel("measured log-ratio of distances\n(above 0: the first is nearer)")
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), frameon=False)
    style.save(figure, folder / "decides.png")
