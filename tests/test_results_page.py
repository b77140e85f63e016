"""The first page of docs/results.md: what its sentences, tables and figure make of the stored results."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from studies.evidence import causes, findings, page, summary
from studies.evidence.findings import ALIKE, CONSTANT, EARLY, FINDINGS, LATE
from studies.evidence.tested import BOUNDED, CONFIRMED, REFUTED, UNDECIDED, together

FIGURE = "a distance"


def claim(cells, difference=0.0, low=0.0, high=0.0, verdict=CONFIRMED, name="a-name"):
    return {"name": name, "cells": cells, "difference": difference, "low": low, "high": high} | {
        "level": 0.99,
        "samples": 200,
        "verdict": verdict,
    }


def grid(*tests, model="digits-masked", better="lower"):
    """Results of a grid in which the figure of each cell is its place."""
    cells = list(dict.fromkeys(tuple(cell) for test in tests for cell in test["cells"]))
    return {
        "model": model,
        "count": 100,
        "seeds": [0, 1],
        "figure": FIGURE,
        "made by": f"python -m studies.run grid-{model}",
        "commit": "0123456789",
        "seconds of one core": 60,
        "cells": [
            dict(zip(("mechanism", "schedule", "mean", "steps"), cell, strict=True))
            | {
                "figures": [
                    {"name": FIGURE, "value": 10.0 + place, "low": 9.0 + place, "high": 12.0 + place}
                    | {"better": better}
                ]
            }
            for place, cell in enumerate(cells)
        ],
        "hypotheses": list(tests),
    }


def cell(mechanism, schedule, mean=3.0, steps=16):
    return [mechanism, schedule, mean, steps]


def against(mean=3.0, steps=16, other="Unlocking"):
    return [cell("Normalized", "constant", mean, steps), cell(other, "constant", mean, steps)]


def test_a_gain_is_positive_where_the_first_cell_is_better():
    """So a smaller distance and a larger share both are a gain."""
    test = claim(against(), -1.0, -1.5, -0.25, CONFIRMED)
    (row,) = findings.rows({"grid-digits-masked": grid(test)})
    assert (row.finding, row.gain, row.other) == (CONSTANT, (1.0, 0.25, 1.5), 11.0)
    assert (row.samples, row.seeds, row.level, row.beforehand) == (200, 2, 0.99, True)
    (row,) = findings.rows({"grid-digits-masked": grid(claim(against(), 1.0, 0.5, 1.5, CONFIRMED), better="higher")})
    assert row.gain == (1.0, 0.5, 1.5)


@pytest.mark.parametrize(("better", "gain"), [("lower", (1.0, -1.236, 3.236)), ("higher", (-1.0, -3.236, 1.236))])
def test_a_test_of_equivalence_shows_the_gain_with_the_ramp_up_and_not_its_own_sum(better, gain):
    cells = [*against(), cell("Normalized", "ramp-up"), cell("Unlocking", "ramp-up")]
    tests = [claim(cells, -7.0, -8.0, -6.0, name="alike-with-ramp")] * 2
    (row,) = findings.rows({"grid-digits-masked": grid(*tests, better=better)})
    assert (row.finding, row.verdict, row.tests, row.other, row.level) == (ALIKE, "confirmed", 1, 13.0, 0.95)
    assert row.gain == pytest.approx(gain, abs=1e-3)


def test_a_grid_takes_the_place_of_earlier_studies_of_its_model_and_finding():
    stored = {name: made for name, made in page.results().items() if not name.startswith("grid-")}
    before = findings.rows(stored)
    late = claim([cell("Normalized", "ramp-up"), cell("Normalized", "constant")], -1.0, -2.0, 0.5, UNDECIDED)
    after = findings.rows(stored | {"grid-digits-masked": grid(late)})
    gone = [row for row in before if row not in after]
    assert gone
    assert {(row.finding, row.model) for row in gone} == {(LATE, "digits-masked")}
    (new,) = [row for row in after if row not in before]
    assert new.verdict == "undecided"


def test_each_test_of_a_grid_goes_to_the_finding_of_its_cells():
    tests = [
        claim(against()),
        claim(against(other="Simple")),
        claim([cell("Normalized", "ramp-up"), cell("Normalized", "constant")]),
        claim([cell("Unlocking", "ramp-up"), cell("Unlocking", "constant")]),
        claim([cell("Normalized", "constant"), cell("Normalized", "inverse")]),
        claim([cell("Normalized", "power-1.5"), cell("Normalized", "ramp-up")]),
        claim([cell("Normalized", "ramp-up"), cell("Unlocking", "ramp-up")]),
        claim([*against(), *against(steps=64)], name="gap-shrinks"),
        claim([*against(), *against(steps=64)], name="alike-with-ramp"),
        claim([cell("Simple", "ramp-up"), cell("Normalized", "none", 0.0)], name="guidance-helps"),
    ]
    found = findings.rows({"grid-digits-masked": grid(*tests)})
    assert [(row.finding, row.tests) for row in found] == [(name, 1) for name in FINDINGS]


def test_the_shown_test_of_a_grid_is_the_one_at_mean_3_and_16_steps():
    tests = [
        claim(against(mean, steps), -mean, -6, -0.1, CONFIRMED)
        for mean, steps in itertools.product((5.0, 3.0, 1.0), (64, 16, 8))
    ]
    (row,) = findings.rows({"grid-digits-masked": grid(*tests)})
    assert (row.setting, row.gain[0], row.tests) == ("w = 3, T = 16", 3.0, 9)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([CONFIRMED, CONFIRMED], "confirmed"),
        ([CONFIRMED, UNDECIDED], "bounded"),
        ([CONFIRMED, REFUTED], "bounded"),
        ([CONFIRMED, BOUNDED], "bounded"),
        ([REFUTED, UNDECIDED], "refuted"),
        ([UNDECIDED, UNDECIDED], "undecided"),
        ([], "undecided"),
    ],
)
def test_verdicts_together(verdicts, said):
    assert together(verdicts) == said


def row(model, verdict, finding=CONSTANT):
    return findings.Row(finding, model, "w = 3", FIGURE, (1.0, 0.5, 1.5), 0.95, 10.0, 1, 1, verdict, True, "it")


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_sentence_is_chosen_by_the_verdicts_and_has_their_counts(finding):
    words = summary.WORDS[finding]
    for verdicts, advice in (
        (["confirmed", "bounded", "undecided"], words.holds),
        (["confirmed", "undecided"], words.begin),
        (["bounded", "undecided", "undecided"], words.begin),
        (["undecided"], words.still_open),
        ([], words.still_open),
        (["confirmed", "confirmed", "refuted"], words.mixed),
        (["refuted"], words.mixed),
    ):
        said = summary.sentence(finding, [row(f"m{k}", each, finding) for k, each in enumerate(verdicts)])
        held = sum(each in ("confirmed", "bounded") for each in verdicts)
        assert said.startswith(f"**{advice}.** {words.claim} on {held} of {len(verdicts)} model")
        assert ("and the opposite on none" in said) == (bool(verdicts) and "refuted" not in verdicts)
        assert all(f"{each}: " in said for each in verdicts)


def test_a_further_model_that_says_the_opposite_changes_the_advice():
    confirmed = [row("a", "confirmed", EARLY)]
    models = [
        {"name": name, "findings": [{"finding": EARLY, "verdict": verdict}]}
        for name, verdict in (("one", "refuted"), ("two", "confirmed"))
    ]
    others = summary.opposed({"sceptic": {"models": models}}, EARLY)
    said = summary.sentence(EARLY, confirmed, others)
    assert said.startswith(f"**{summary.WORDS[EARLY].mixed}.**")
    assert "[one](sceptic.md)" in said
    assert summary.opposed({}, EARLY) == summary.opposed({"sceptic": {"models": models}}, LATE) == []


def test_a_model_counts_once_however_many_rows_it_has():
    assert summary.by_model([row("a", "confirmed"), row("a", "undecided"), row("b", "refuted")]) == {
        "a": "bounded",
        "b": "refuted",
    }


def test_the_cause_depends_on_the_shares():
    stored = page.results()["mechanisms"]
    assert "is one cause" in causes.exact({"mechanisms": stored})
    # The same distance for all: no pace is worse than another.
    equal = [case | {"distance": [[key, 0.5] for key, _ in case["distance"]]} for case in stored["orders"]]
    said = causes.exact({"mechanisms": stored | {"orders": equal}})
    assert "is one cause" not in said


@pytest.mark.parametrize(("low", "high", "said"), [(-2, -1, "smaller"), (1, 2, "larger"), (-1, 1, "is open")])
def test_what_a_sampler_does_is_chosen_by_the_interval(low, high, said):
    shown = {"steps": 16, "schedule": "constant", "mean": 3.0, "difference": 0.5, "low": low, "high": high}
    parts = [shown | {"part": name} for name in ("gap", "rejection", "order")]
    found = {"parts": parts, "model": "a", "figure": FIGURE, "count": 10, "seeds": [0, 1]}
    assert said in causes.of_sampler({"sampler-share": found})
    assert causes.of_sampler({}) == ""


@pytest.mark.parametrize(("verdicts", "said"), [("ccu", "Mistrust"), ("rru", "was tried"), ("uuu", "was tried")])
def test_what_a_floor_does_is_chosen_by_the_verdicts(verdicts, said):
    words = {"c": "confirmed", "r": "refuted", "u": "undecided"}
    tests = [{"verdict": words[each]} for each in verdicts]
    found = {"floor": 0.01, "models": ["a"], "molecules": [{"hypotheses": tests[:1]}]}
    text = causes.of_tails({"tails": found | {"further": [{"hypotheses": tests[1:]}]}})
    assert said in text
    assert f"better in {verdicts.count('c')} of 3 tests that were stated beforehand, and the opposite in" in text
    assert causes.of_tails({}) == ""


def test_every_number_of_a_finding_has_its_interval_samples_seeds_and_model():
    """Checked on the page, so that no other writer can leave one out."""
    text = page.PAGE.read_text(encoding="utf-8")
    for name in FINDINGS:
        body = re.search(rf"<!-- begin finding {name} -->\n(.*?)<!-- end", text, re.DOTALL)
        assert body
        for line in body[1].splitlines()[2:]:
            model, _, _, gain, drawn, verdict, _, study = (each.strip() for each in line.split("|")[1:-1])
            assert re.fullmatch(r"`[\w-]+`, w = \d, T = \d+", model)
            assert re.fullmatch(r"\S+ \(\S+ to \S+\), 9\d\.?\d* %", gain)
            assert re.fullmatch(r"[\d,]+, \d+", drawn)
            assert verdict.split()[0] in summary.ORDER
            assert re.search(rf"`python -m studies\.(run )?{study[1:-1]}`", text)


def test_the_figure_has_a_mark_for_each_row_at_its_gain(tmp_path):
    pytest.importorskip("matplotlib")
    held, open_ = claim(against(), -1.0, -1.5, -0.5, CONFIRMED), claim(against(), -1.0, -3.0, 1.0, UNDECIDED)
    drawn = [summary.figure(findings.rows({"grid-x": grid(test)})) for test in (held, open_)]
    marks = [[line for axes in each.axes for line in axes.lines if line.get_marker() != "None"] for each in drawn]
    assert [[float(line.get_xdata()[0]) for line in some] for some in marks] == [[100 / 11]] * 2
    assert marks[0][0].get_marker() != marks[1][0].get_marker()
    earlier = replace(row("b", "refuted", EARLY), gain=(-1.0, -2.0, -0.5))
    assert len(summary.figure([row("a", "confirmed"), earlier]).axes) == 2


def test_the_table_of_studies_adds_up_their_time():
    made = grid()
    said = page.studies(
        {"sceptic": made | {"seconds of one core": 7200}, "pairs": made | {"seconds of one core": 3600}}
    )
    assert "3.0 hours of one core" in said
    assert "not measured yet" in said  # of the others
