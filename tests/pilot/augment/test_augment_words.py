"""The sentences in both languages say the same."""

from __future__ import annotations

from dguide.pilot.augment.words import WORDS
from dguide.pilot.report import differences


def test_both_languages_have_the_same_sentences_with_the_same_fields():
    assert list(differences(WORDS)) == []
    assert len(WORDS["en"]) > 50


def test_japanese_is_japanese():
    for key, sentence in WORDS["ja"].items():
        assert key == "interval" or any(ord(sign) > 0x3000 for sign in sentence) or sentence == "{beats}", key
