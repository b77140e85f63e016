"""The tables of docs/sceptic.md."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from studies.common import inside, table

__all__ = ["sections"]

Found = Mapping[str, Any]


def sections(found: Found) -> dict[str, str]:
    return {
        "sceptic": about(found),
        "sceptic figures": by_figure(found),
        "sceptic numbers": by_number(found),
        "sceptic models": by_model(found),
    }


def about(found: Found) -> str:
    """What was drawn, and what the three tables say in one sentence each."""
    seeds = ("seed " if len(found["seeds"]) == 1 else "each of the seeds ") + ", ".join(map(str, found["seeds"]))
    others = [each for each in found["findings"] if each["figure"] != found["figure"]]
    first = {each["finding"]: each for each in found["findings"] if each["figure"] == found["figure"]}
    opposite = [each for each in others if {each["verdict"], first[each["finding"]]["verdict"]} == OPPOSITE]
    same = sum(each["verdict"] == first[each["finding"]]["verdict"] for each in others)
    said = [
        f"Model `{found['model']}` (SHA-256 of the weights {found['sha256'][:12]}), {len(found['settings'])} settings, "
        f"{found['count']} samples of each\nfor {seeds}, T = {found['steps']} steps of `Ancestral`.",
        f"- **Other figures**: of {len(others)} verdicts by other figures {same} are those of the figure that decides, "
        f"and {_no(len(opposite))} the opposite{_which(opposite)}. In the rest one of the "
        "two is undecided.",
        f"- **Other numbers of samples**: {_ranks(found)}",
        f"- **Other models**: {_models(found)}",
    ]
    return said[0] + "\n\n" + "\n".join(said[1:])


OPPOSITE = {"confirmed", "refuted"}


def _no(count: int) -> str:
    return f"{count or 'none'} {'are' if count > 1 else 'is'}"


def _which(opposite: list[Any]) -> str:
    named = dict.fromkeys(each["figure"] for each in opposite)
    return f" ({'; '.join(named)})" if named else ""


def _ranks(found: Found) -> str:
    numbers = found["numbers"]
    orders = [sorted(numbers, key=lambda name: numbers[name]["mean"][k]) for k in range(len(_columns(found)))]
    orders.append(sorted(numbers, key=lambda name: numbers[name]["limit"]))
    same = sum(order == orders[0] for order in orders[1:])
    several = f"the order of the {len(numbers)} settings at the largest number"
    return f"{several} is also that of {same} of the {len(orders) - 1} other columns."


def _models(found: Found) -> str:
    parts = []
    for model in found["models"]:
        verdicts = ", ".join(f"{each['finding']} {each['verdict']}" for each in model["findings"])
        parts.append(f"{model['name']}: {verdicts}")
    missing = f" Not measured yet: {'; '.join(found['missing'])}." if found["missing"] else ""
    return "; ".join(parts) + "." + missing


def by_figure(found: Found) -> str:
    """A row for each figure: agreement of ranks, and the three findings."""
    ranks = {each["name"]: each for each in found["agreement"]}
    rows = []
    for name in dict.fromkeys(each["figure"] for each in found["findings"]):
        cells = [difference(each) for each in found["findings"] if each["figure"] == name]
        rows.append([name, "decides" if name == found["figure"] else _rank(ranks[name]), *cells])
    heads = " | ".join(dict.fromkeys(each["finding"] for each in found["findings"]))
    return table(f"figure | rank correlation | {heads}", rows)


def _rank(found: Found) -> str:
    if math.isnan(found["value"]):
        return "none: it is the same for all settings"
    if math.isnan(found["low"]):
        return f"{found['value']:.2f} (no interval: the halves are alike)"
    return inside(found["value"], found["low"], found["high"])


def difference(found: Found) -> str:
    """A difference with its interval and its verdict."""
    if math.isnan(found["low"]):
        return f"{found['difference']:.2g}, {found['verdict']}: it has no interval"
    return f"{inside(found['difference'], found['low'], found['high'], '.2g')}, {found['verdict']}"


def _columns(found: Found) -> list[int]:
    return list(next(iter(found["numbers"].values()))["n"])


def by_number(found: Found) -> str:
    """Fréchet distances by the number of samples, and without bias."""
    rows = []
    for name, each in (*found["numbers"].items(), ("real test images", found["real"])):
        means = [f"{value:.3g}" for value in each["mean"]]
        if name not in found["numbers"]:
            means = [f"{value} (n = {n})" for value, n in zip(means, each["n"], strict=True)]
        rows.append([name, *means, f"{each['limit']:.3g}"])
    return table(f"setting | {' | '.join(f':n = {n}' for n in _columns(found))} | :limit", rows)


def by_model(found: Found) -> str:
    """The findings of each model, and how it was trained."""
    rows = []
    for model in found["models"]:
        size = f"{model['parameters'] / 1e6:.2f} M"
        bits = f"{model['validation bits']:.3f}"
        rows.append([model["name"], size, bits, *(difference(each) for each in model["findings"])])
    heads = " | ".join(each["finding"] for each in found["models"][0]["findings"])
    commands = "\n".join(f"- {model['name']}: `{model['command']}`" for model in found["models"])
    return f"{table(f'model | :parameters | :validation bits | {heads}', rows)}\n\nTrained by\n\n{commands}"
