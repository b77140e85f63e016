"""A report is refused with all its mistakes, and is the same after it was written and read."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from report_examples import HOSTILE, SVG, png, report, with_chart

from dguide import InputError
from dguide.pilot.report import Answer, Cell, Chart, Fact, Pictures, Report, Section, Table, Text


def mistakes(**changes):
    with pytest.raises(InputError) as error:
        replace(report(), **changes)
    return str(error.value).splitlines()[1:]


def test_an_empty_report_names_all_that_is_missing():
    with pytest.raises(InputError) as error:
        Report("", "de", " ", Answer("maybe", "", ""), (), (), (), (), {})
    names = ("language", "title", "question", "facts", "steps", "evidence", "settings")
    answer = ("answer: verdict", "answer: headline", "answer: because")
    found = [line.removeprefix("- ").partition(": got")[0] for line in str(error.value).splitlines()[1:]]
    assert sorted(found) == sorted((*names, *answer))


def test_each_mistake_names_its_place():
    table = Table("c", ("a", "b"), (("1", "2"), ("1",)), ("left",), (2,))
    found = mistakes(
        evidence=(
            Section(
                "",
                (Text(""), table, Pictures(b"GIF", "c", "")),
            ),
        )
    )
    assert [line.partition(": got")[0] for line in found] == [
        "- evidence[0]: title",
        "- evidence[0]: blocks[0]: text",
        "- evidence[0]: blocks[1]: row 1",
        "- evidence[0]: blocks[1]: align",
        "- evidence[0]: blocks[1]: highlight",
        "- evidence[0]: blocks[2]: alt",
        "- evidence[0]: blocks[2]: png",
    ]


def test_one_text_is_not_taken_for_a_list_of_its_letters():
    assert len(mistakes(steps="do it")) == 1


def test_seven_facts_are_too_many():
    assert mistakes(facts=7 * (Fact("a", "1"),)) == ["- facts: got 7, expected at most 6"]


@pytest.mark.parametrize(
    ("svg", "word"),
    [
        ("no svg", "not SVG"),
        ("<p/>", "not SVG"),
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', "viewBox"),
        (SVG.format("<script>alert(1)</script>"), "script"),
        (SVG.format("<style>* { display: none }</style>"), "style"),
        (SVG.format("<foreignObject/>"), "foreignObject"),
        (SVG.format('<path onclick="alert(1)"/>'), "onclick"),
        (SVG.format('<use href="https://example.org/a.svg#a"/>'), "https://example.org"),
        (SVG.format('<image href="data:image/svg+xml,x"/>'), "data:image/svg"),
        (SVG.format('<path style="fill: url(//example.org/a)"/>'), "//example.org"),
    ],
)
def test_a_drawing_that_runs_code_or_leaves_the_page_is_refused(svg, word):
    with pytest.raises(InputError, match=word):
        with_chart(svg)


def test_a_drawing_that_stays_inside_is_accepted():
    assert with_chart(SVG.format('<path id="a"/><use href="#a" clip-path="url(#a)"/>'))


@pytest.mark.parametrize("word", ["word", "見逃し", *HOSTILE[:-1]])
def test_json_holds_the_whole_report(word):
    first = report(word)
    assert Report.from_json(first.to_json()) == first
    json.loads(first.to_json(), parse_constant=pytest.fail)  # no NaN, which other readers of JSON refuse


@pytest.mark.parametrize("number", [math.inf, math.nan])
def test_a_cell_is_sorted_by_a_finite_number(number):
    found = mistakes(money=(Table("c", ("a",), ((Cell("-", number),), (Cell("-"),))),))
    assert [line.partition(" as")[0] for line in found] == [f"- money[0]: row 0: got {number}"]


def test_bad_json_is_refused_with_all_places():
    broken = json.loads(report().to_json())
    broken["answer"]["verdict"] = "perhaps"
    broken["evidence"][0]["blocks"][0]["kind"] = "film"
    broken["more"] = 1
    with pytest.raises(InputError) as error:
        Report.from_json(json.dumps(broken))
    text = str(error.value)
    assert all(word in text for word in ("answer.verdict", "evidence.0.blocks.0", "more"))
    with pytest.raises(InputError):
        Report.from_json("{")


def test_a_png_is_recognised():
    assert not list(Pictures(png(), "c", "a").mistakes())
    assert not list(Chart(SVG.format(""), "t", "d").mistakes())
