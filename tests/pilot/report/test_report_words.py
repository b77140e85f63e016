"""Sentences in two languages have the same keys and the same fields."""

from __future__ import annotations

import pytest

from dguide import InputError
from dguide.pilot.report import differences, words
from dguide.pilot.report.labels import LABELS

TABLE = {"en": {"a": "{n} of {most:.1f}", "b": "b"}, "ja": {"a": "{most:.1f} 個中 {n} 個", "b": "ビー"}}


def test_the_page_has_the_same_words_in_both_languages():
    assert list(differences(LABELS)) == []
    assert all(text.strip() for language in LABELS.values() for text in language.values())


def test_japanese_labels_are_japanese():
    assert all(any(letter > "\u3000" for letter in text) for text in LABELS["ja"].values())


def test_fields_are_filled_in_wherever_they_stand():
    assert words(TABLE, "en")("a", n=1, most=2) == "1 of 2.0"
    assert words(TABLE, "ja")("a", n=1, most=2) == "2.0 個中 1 個"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"a": "{n} of {most}"}, ["b: no sentence in ja"]),
        ({"a": "{n}", "b": "b"}, ["a: other fields in one language than in the other"]),
        ({"a": "{n} {most.value}", "b": "b", "c": "c"}, ["c: no sentence in en"]),
        ({"a": "{most!r} {n[0]}", "b": "b"}, []),
    ],
)
def test_differences_of_two_languages_are_named(change, found):
    assert list(differences({**TABLE, "ja": change})) == found


def test_mistakes_name_what_there_is():
    with pytest.raises(InputError, match="one of en, ja"):
        words(TABLE, "fr")
    with pytest.raises(InputError, match=r"unknown sentence.*one of a, b"):
        words(TABLE, "en")("c")
    with pytest.raises(InputError, match="'a': got none for most"):
        words(TABLE, "en")("a", n=1)
