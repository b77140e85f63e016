"""The report of a comparison says what the comparison found, in both languages."""

from __future__ import annotations

import dataclasses

import pytest

from dguide.data import load
from dguide.pilot.compare import answer, as_report
from dguide.pilot.compare.report_words import WORDS
from dguide.pilot.report import Chart, Pictures, Table, differences, page
from dguide.study import Store
from tests.pilot.compare.toy import EQUAL, SETTINGS, question


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return answer(question(), Store(tmp_path_factory.mktemp("toy")))


def test_both_languages_say_the_same() -> None:
    assert list(differences(WORDS)) == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_winner_is_the_answer_and_its_row_is_marked(found, language) -> None:
    report = as_report(found, language)
    assert report.answer.verdict == "go"
    assert "constant:2.0" in report.answer.headline
    assert report.answer.because == found.advice(language)
    table = report.evidence[0].blocks[0]
    assert isinstance(table, Table)
    (marked,) = table.highlight
    best = found.row(table.rows[marked][0], found.main)
    assert best.gain[0] == max(row.gain[0] for row in found.rows if row.main and row.difference)
    assert found.advice(language).split()[0] in page(report)


def test_no_difference_is_not_yet_and_worse_is_no(tmp_path) -> None:
    same = answer(question(SETTINGS[1:], count=60), Store(tmp_path / "same"))
    assert as_report(same).answer.verdict == "not-yet"
    unlike = dataclasses.replace(EQUAL, better="lower")
    worse = answer(question(metrics=(unlike,)), Store(tmp_path / "worse"))
    assert as_report(worse).answer.verdict == "no-go"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_all_of_it_is_in_the_language_of_the_reader(found, language) -> None:
    report = as_report(found, language)
    text, charts = page(report), [each for part in report.evidence for each in part.blocks if isinstance(each, Chart)]
    assert ("ガイダンスの平均重み w" in text, "mean guidance weight w" in text) == (language == "ja", language == "en")
    assert (" \uff5e " in text, " to " in charts[0].svg) == (language == "ja", language == "en")
    titles = [report.answer.headline, *(part.title for part in report.evidence), *(each.title for each in charts)]
    assert len(set(titles)) == len(titles)  # parts of a page with one name cannot be told apart
    plain = {"en": "no guidance (constant:0.0)", "ja": "constant:0.0\uff08ガイダンスなし\uff09"}
    assert plain[language] in report.facts[0].name
    assert "constant:2.0" in charts[0].title  # what it shows, not only what its axes are


def test_pictures_are_there_for_images(found) -> None:
    digits = load("digits")
    tokens = dict.fromkeys(found.settings, digits.test.tokens[:4])
    report = as_report(dataclasses.replace(found, codec=digits.codec, samples=tokens))
    kinds = [type(block) for section in report.evidence for block in section.blocks]
    assert kinds.count(Pictures) == len(found.settings)
    assert page(report).count("data:image/png") >= 1
