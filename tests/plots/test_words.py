"""Words from data and from users: in pictures they are no formulas, in tables they stay in their cell."""

from __future__ import annotations

import re
import warnings

import pytest
import torch
from matplotlib.text import Text

from dguide.data import load
from dguide.demo import figures
from dguide.demo.grid import Cell, Outcome
from dguide.demo.judge import Quality
from dguide.evaluate import Estimate, Proportion, Reading
from dguide.evaluate.evaluation import table
from dguide.evaluate.reading.verdict import verdict
from dguide.plots import images, reading, style
from dguide.samplers import Calls

DIGITS = load("digits")
HOSTILE = ("cost $5", "$a_b$", "left|right", "two\nlines", "\U0001fbff\U000e0001", "\\$x$|\\")


def judged():
    labels = torch.arange(len(HOSTILE)).repeat(4)
    nats = torch.ones(len(labels), len(HOSTILE), dtype=torch.float64)
    nats[torch.arange(len(labels)), labels] = 0
    prior = torch.full((len(HOSTILE),), 1 / len(HOSTILE), dtype=torch.float64).log()
    return verdict(
        Reading(nats, prior, torch.zeros(len(labels)), 4),
        labels,
        torch.arange(len(labels)) >= 2 * len(HOSTILE),
        HOSTILE,
    )


def grid(name):
    quality = Quality(Proportion(0.9, 0.8, 1.0, 20), 0.5, 0.8, 0.3)
    times = torch.linspace(1, 0, 5, dtype=torch.float64)
    return [Outcome(Cell(1.0, name, "constant"), DIGITS.test.tokens[:10], quality, Calls(4, 4), 0, 1.0, times, times)]


DRAWN = {
    "sheet": lambda name: images.contact_sheet(
        DIGITS.codec, DIGITS.train.tokens[:6], 6, style.labels(HOSTILE), f"{name}\n{name}"
    ),
    "confusion": lambda name: reading.confusion_figure(judged(), name),
    "calibration": lambda name: reading.calibration_figure(judged(), name),
    "grid": lambda name: figures.picture_grid(DIGITS, grid(name), [o.cell for o in grid(name)], 1, name),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", DRAWN)
def test_words_of_users_and_data_are_drawn_as_they_are(kind, name, tmp_path):
    figure = DRAWN[kind](name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        style.save(figure, tmp_path / "x.png")
    texts = [text for text in figure.findobj(Text) if text.get_visible() and "$" in text.get_text()]
    assert not [text for text in texts if text.get_parse_math()]


def test_names_are_labels_in_one_line_or_numbers():
    assert style.labels(HOSTILE) == ["cost $5", "$a_b$", "left|right", "two lines", "4", "\\$x$|\\"]


def test_names_stay_in_their_cells_of_a_table():
    lines = judged().as_markdown().splitlines() + table([Estimate(name, 1, 1, 1, 1, note=name) for name in HOSTILE])
    rows = [line for line in lines if line.startswith("|")]
    heads = [k for k, line in enumerate(rows) if set(line) <= set("|- ")]
    parts = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in rows]
    assert len(heads) == 3
    for begin, end in zip(heads, [*(k - 1 for k in heads[1:]), len(rows)], strict=True):
        assert len(set(parts[begin - 1 : end])) == 1
    assert sum("two lines" in line for line in rows) == 2
