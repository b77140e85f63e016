"""Why the mechanisms differ: the order of positions, the pace, and errors of the predictions."""

from __future__ import annotations

from typing import Any

from ...evaluate import Proportion
from ...plots.style import COLOURS
from ..order_effects import ERRORS, OrderEffects, compute
from .base import TheoryFigure, frame, panels

__all__ = ["draw", "figure", "table"]

_MARKS = dict(zip(ERRORS, ("o", "s", "^", "D", "v"), strict=True))
_SHADES = dict(zip(ERRORS, ("#000000", "#999933", "#CC79A7", "#882255", "#B5835A"), strict=True))
"""Other colours than those of mechanisms."""
_COMBINATIONS = {
    ("normalized", "normalized"): ("o", COLOURS["Normalized"], "Normalized"),
    ("normalized", "unlocking"): (">", "0.25", "pace of Normalized, order of Unlocking"),
    ("unlocking", "normalized"): ("<", "0.55", "pace of Unlocking, order of Normalized"),
    ("unlocking", "unlocking"): ("s", COLOURS["Unlocking"], "Unlocking"),
}


def draw(data: OrderEffects) -> Any:
    """Draws distances with pace and order exchanged, by error of the predictions, and the predictor of the gap."""
    fig, axes = panels(2, 5.8, width_ratios=(1.25, 1))
    exchanged, predicted = axes[0]
    rows = {(row.errors, row.pace, row.order): row for row in data.rows() if row.steps == data.steps}
    for k, (combination, (mark, colour, label)) in enumerate(_COMBINATIONS.items()):
        spread = [rows[(errors, *combination)].distance for errors in ERRORS]
        bars = [[q.median - q.low for q in spread], [q.high - q.median for q in spread]]
        heights = [-y + 0.27 - 0.18 * k for y in range(len(ERRORS))]
        exchanged.errorbar(
            [q.median for q in spread], heights, xerr=bars, fmt=mark, color=colour, markerfacecolor="white", capsize=3,
            markersize=6.5, linewidth=1.6, label=label,
        )  # fmt: skip
    exchanged.set_yticks([-y for y in range(len(ERRORS))], [name.replace(", ", ",\n") for name in ERRORS])
    frame(
        exchanged, f"(a) pace and order exchanged, {data.steps} steps",
        "total variation to the target, median and quartiles", "errors of the predictions",
    )  # fmt: skip
    exchanged.set_xlim(0, None)
    correlations = data.prediction()
    for errors in ERRORS:
        cases = [case for case in data.cases if case.errors == errors]
        predicted.plot(
            [case.noncommutativity for case in cases], [case.apart for case in cases], _MARKS[errors],
            color=_SHADES[errors], markerfacecolor="none", markersize=5,
            label=f"{errors}: {correlations[errors].value:.2f}",
        )  # fmt: skip
    frame(predicted, "(b) what predicts the gap", "noncommutativity", "Normalized to Unlocking, total variation")
    predicted.set_xlim(0, None)
    predicted.set_ylim(0, None)
    below = {
        "fontsize": 9,
        "frameon": False,
        "loc": "upper center",
        "bbox_to_anchor": (0.5, -0.12),
        "alignment": "left",
    }
    exchanged.legend(title="pace and order of", title_fontsize=9, **below)
    predicted.legend(title="errors of the predictions: rank correlation", title_fontsize=9, **below)
    return fig


def table(data: OrderEffects) -> list[tuple[str, ...]]:
    """Lines of the page: all combinations of pace and order, one position at a time and in steps."""
    head = ("errors of predictions", "steps", "pace", "order", "to target", "worse than Normalized")
    body = [
        (row.errors, "one by one" if row.steps is None else str(row.steps), row.pace.capitalize(),
         row.order.capitalize(), str(row.distance),
         "baseline" if row.order == "normalized" and row.pace != "unlocking" else percent(row.worse))
        for row in data.rows()
    ]  # fmt: skip
    return [head, *body]


def percent(share: Proportion) -> str:
    """A share with its 95 % interval."""
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"


def figure() -> TheoryFigure:
    """The figure of the effects of order, pace and errors."""
    data = compute()
    rows = {(row.errors, row.pace, row.order): row for row in data.rows() if row.steps == data.steps}
    first, worst = "none", max(ERRORS, key=lambda e: rows[e, "unlocking", "unlocking"].distance.median)
    count = sum(case.errors == first for case in data.cases)
    predicted = ", ".join(f'{correlation} with errors "{name}"' for name, correlation in data.prediction().items())

    def medians(errors: str) -> str:
        texts = (f"{label} {rows[(errors, *key)].distance.median:.3f}" for key, (*_, label) in _COMBINATIONS.items())
        return "; ".join(texts)

    def worse(pace: str, order: str) -> str:
        exact, erring = rows[first, pace, order].worse, rows[worst, pace, order].worse
        return f"{percent(exact)} of the problems worse with exact predictions and {percent(erring)} with these errors"

    caption = f"""
**Problem.** {count} random problems with four positions and three tokens, constant $w = {data.weight:g}$, solved
exactly, with exact predictions and with {len(ERRORS) - 1} kinds of errors of the predictions. **Formula.** The order
(which position is next) and the pace (how many positions leave in a step) come from one mechanism or the other. Tokens
are drawn from the same $q_w$. TV is to the tilted distribution of the exact problem.

(a) Medians with exact predictions: {medians(first)}. With the worst errors, "{worst}": {medians(worst)}. Compared with
Normalized, the order of Unlocking alone makes {worse("normalized", "unlocking")}. The pace of Unlocking alone, with
which more positions leave together, makes {worse("unlocking", "normalized")}. (b) If positions leave one at a time, the
noncommutativity predicts the distance between the mechanisms. It is the effect of the order of two positions, times the
preference of Unlocking for one order, as a mean over pairs. Its rank correlation with the distance (95 % interval):
{predicted}."""
    alt = """Left: distances to the target with pace and order of the two mechanisms exchanged, for five kinds of
    errors. Right: scatter plot of the distance between the mechanisms against the noncommutativity, rising."""
    return TheoryFigure("riddle", "Why the mechanisms differ", draw(data), caption, alt, data, table(data))
