"""The money in the report of a pilot on a rare class: what was reckoned with, the break-even, and a chart."""

from __future__ import annotations

import math

import numpy as np

from ....plots.saving import SavingWords, saving_chart
from ...money import Decision, Decisions, Prices, curve
from ...report import Block, Chart, Text, chart
from .amounts import Say, money_of, percent, span

__all__ = ["money_blocks"]

_COSTS = 41
"""Costs of a miss in the chart."""


def money_blocks(decision: Decision, new: Decisions, old: Decisions, prices: Prices, say: Say) -> tuple[Block, ...]:
    """The prices in words, and a chart of the saving against the cost of a missed defect.

    Args:
        decision: Whether it pays.
        new: The alarms with generated examples.
        old: Those with ordinary augmentation.
        prices: The prices.
        say: The sentences of the report.
    """
    money = money_of(prices)
    lines = [
        say(
            "money_text",
            miss=money(prices.miss),
            false_alarm=money(prices.false_alarm),
            volume=f"{prices.volume:,.0f}",
            share=percent(prices.share),
            pilot=money(prices.pilot),
            running=money(prices.running),
        )
    ]
    if 0 < decision.sure < math.inf:
        lines.append(say("sure", cost=money(decision.sure)))
    return Text(" ".join(lines)), _chart(decision, new, old, prices, say)


def _chart(decision: Decision, new: Decisions, old: Decisions, prices: Prices, say: Say) -> Chart:
    scale, after, money = max(prices.miss, 1e-9), span(prices, say), money_of(prices)
    last, even = scale * 10, decision.break_even
    costs = np.geomspace(scale / 10, last, _COSTS)
    nets = curve(new, old, prices, costs)
    shown = SavingWords(
        cost=say("axis_cost", currency=prices.currency),
        saving=say("axis_net", span=after, currency=prices.currency),
        band=say("band"),
        here=say("here"),
        break_even=say("here_even"),
    )
    figure = saving_chart(
        costs,
        *nets.T,
        words=shown,
        here=prices.miss or None,
        break_even=even if scale / 10 <= even <= last else None,
    )
    key = "even_never" if math.isinf(even) else "even" if even else "even_always"
    title = say(key, cost=money(even))
    return chart(figure, title, say("chart_money_told", span=after, low=money(costs[0]), high=money(costs[-1])))
