"""Every picture has room for its words and its lines, however long the names and however good or few the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from test_words import grid

from dguide.cli.output import labels_of
from dguide.data import load
from dguide.demo import figures
from dguide.evaluate import Reading
from dguide.evaluate.reading.standard import CLASSIFIERS, Standard
from dguide.evaluate.reading.verdict import verdict
from dguide.plots import images, reading, style
from dguide.theory.figures import tilting
from dguide.theory.figures.problems import line

DIGITS = load("digits")
SHORT = ("good", "scratch", "edge")
LONG = ("Neurodegenerative disorder of the second kind (adult onset)", "scratch_of_the_upper_left_quarter", "None")
PATH = "/home/someone/projects/defects/photographs_of_the_second_quarter-with-labels:size=28,levels=16, 16 passes"
TITLES = ("model, 16 passes\nwafer (synthetic)", f"{PATH}\nfolder:{PATH}", "W" * 90)


def judged(count, names, noise=3.0, apart=4.0, beside=False):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % len(names)
    nats = noise * torch.randn(count, len(names), generator=generator, dtype=torch.float64)
    nats[torch.arange(count), labels] -= apart
    prior = torch.full((len(names),), 1 / len(names), dtype=torch.float64).log()
    half, read = torch.arange(count) % 2 == 1, Reading(nats, prior, torch.zeros(count), 4)
    standard = [Standard(name, read, 0.001, 1.0) for name in CLASSIFIERS] if beside else []
    return verdict(read, labels, half, names, normal=0, standard=standard, repetitions=2)


def sheet(names, title):
    return images.contact_sheet(
        DIGITS.codec, DIGITS.train.tokens[: 2 * len(names)], len(names), style.labels(names), title
    )


DRAWN = {
    "sheet": sheet,
    "wide sheet": lambda names, title: sheet(names * 6, title),
    "confusion": lambda names, title: reading.confusion_figure(judged(60, names), title),
    "calibration": lambda names, title: reading.calibration_figure(judged(60, names), title),
    "alarms": lambda names, title: reading.detection_figure(judged(60, names, beside=True), title),
    "grid": lambda names, title: figures.picture_grid(DIGITS, grid("a"), [o.cell for o in grid("a")], 1, title),
}


def corners(text):
    """The box of a text, with the corners of one that is turned."""
    angle, text_angle = np.radians(text.get_rotation()), text.get_rotation()
    text.set_rotation(0)
    box = text.get_window_extent()
    text.set_rotation(text_angle)
    turned = text.get_window_extent()
    across = np.array([np.cos(angle), np.sin(angle)]) * box.width
    up = np.array([-np.sin(angle), np.cos(angle)]) * box.height
    start = np.array([turned.x0 + max(0.0, -up[0]), turned.y0 + max(0.0, -across[1])])
    return np.array([start, start + across, start + across + up, start + up])


def beyond(figure):
    """The labels of ticks outside of their axes, which are not drawn."""
    found = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            found |= set() if low <= tick.get_loc() <= high else {tick.label1, tick.label2}
    return found


def overlap(one, other):
    """Whether two rectangles overlap: no side of them parts the one from the other."""
    for shape in (one, other):
        for side in (shape[1] - shape[0], shape[2] - shape[1]):
            a, b = one @ side, other @ side
            if a.max() <= b.min() + 1e-6 or b.max() <= a.min() + 1e-6:
                return False
    return True


@pytest.mark.parametrize("title", TITLES, ids=["short", "path", "wide"])
@pytest.mark.parametrize("names", [SHORT, LONG], ids=["short names", "long names"])
@pytest.mark.parametrize("kind", DRAWN)
def test_words_are_whole_legible_and_apart(kind, names, title):
    figure = DRAWN[kind](names, title)
    figure.draw_without_rendering()
    hidden = beyond(figure)
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    texts = [text for text in texts if text not in hidden]
    shapes = {text: corners(text) for text in texts}
    for text, shape in shapes.items():
        assert text.get_fontsize() >= 8, text
        assert (shape >= -0.5).all(), text
        assert (shape <= np.array([figure.bbox.x1, figure.bbox.y1]) + 0.5).all(), text
    for k, text in enumerate(texts):
        for other in texts[k + 1 :]:
            assert not overlap(shapes[text], shapes[other]), (text, other)


def test_titles_break_between_words_and_words_after_signs():
    assert style.wrapped("digits-masked, digits-masked, digits-masked", 2.5).split("\n") == [
        "digits-masked, digits-masked,", "digits-masked",
    ]  # fmt: skip
    lines = style.wrapped(f"folder:{PATH}", 4.0).split("\n")
    assert "".join(lines).replace(" ", "") == f"folder:{PATH}".replace(" ", "")
    assert all(piece[-1] in "/:,-=s" for piece in lines)
    assert all(style.text_width(piece, 11) <= 4.0 for piece in [*lines, *style.wrapped("W" * 90, 4.0).split("\n")])


def test_a_note_about_a_font_names_the_classes_that_are_drawn(capsys, tmp_path):
    names = ["a", "\U0001fbff\U000e0001", "c", "\U0001fbff\U000e0002"]
    assert labels_of(names, tmp_path / "x.png", [3, 0, 3]) == ["a", "1", "c", "3"]
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert f"class 3, which is 3 in {tmp_path / 'x.png'}" in told[0]
    labels_of(names, tmp_path / "x.png")
    assert len(capsys.readouterr().err.splitlines()) == 2


def of_curve(axes):
    return [line for line in axes.lines if len(line.get_xdata()) > 2]


def test_alarms_show_a_perfect_detection_chance_and_what_the_marks_are():
    perfect = reading.detection_figure(judged(400, SHORT, noise=0.5, apart=20.0), "title")
    few = reading.detection_figure(judged(13, SHORT), "title")
    for figure in (perfect, few):
        axes = figure.axes[0]
        figure.draw_without_rendering()
        corner = axes.transData.transform((0, 0)) - axes.transAxes.transform((0, 0))
        assert (corner > 5).all()  # pixels from a line of no mistakes to the frame
        chance = of_curve(axes)[-1].get_xydata()
        assert chance[0].tolist() == [0, 1]
        assert chance[-1].tolist() == [1, 0]
    legend = {text.get_text() for text in perfect.legends[0].get_texts()}
    assert any("area under the ROC curve 1.000" in text for text in legend)
    marks = [figure.get_suptitle().splitlines()[-1] for figure in (perfect, few)]
    assert marks == [
        "marks: thresholds chosen on other sequences, with 95 % intervals",
        "no marks: too few sequences to choose thresholds",
    ]


@pytest.mark.parametrize(
    ("count", "marks", "told"),
    [
        (13, 1, "6 sequences in one mark"),
        (60, 3, "30 sequences with 10 in each mark"),
        (400, 10, "with 20 in each mark"),
    ],
)
def test_a_mark_of_a_calibration_is_of_ten_sequences_or_more(count, marks, told):
    figure = reading.calibration_figure(judged(count, SHORT), "title")
    assert {len(each.lines[0].get_xdata()) for each in figure.axes[0].containers} == {marks}
    assert told in figure.get_suptitle()


def test_a_temperature_that_is_no_fit_is_not_drawn():
    figure = reading.calibration_figure(judged(400, SHORT, noise=0.5, apart=20.0), "title")
    assert [each.get_label() for each in figure.axes[0].containers] == ["as read"]


def test_ticks_of_tokens_are_tokens():
    law = tilting.draw(tilting.compute(line(), (0.0, 1.0))).axes[0]
    assert all(tick == int(tick) for tick in law.get_xticks())
    assert {1, 16} <= set(law.get_xticks())
