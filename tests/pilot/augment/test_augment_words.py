"""The sentences in both languages say the same."""

from __future__ import annotations

from types import SimpleNamespace

from dguide.pilot.augment.arms import arms
from dguide.pilot.augment.page.amounts import points, points_interval
from dguide.pilot.augment.page.names import arm_name
from dguide.pilot.augment.page.words import WORDS
from dguide.pilot.report import differences, words


def test_both_languages_have_the_same_sentences_with_the_same_fields():
    assert list(differences(WORDS)) == []
    assert len(WORDS["en"]) > 50


def test_japanese_is_japanese():
    for key, sentence in WORDS["ja"].items():
        assert key == "area_short" or any(ord(sign) > 0x3000 for sign in sentence) or sentence == "{beats}", key


def test_arms_are_called_as_in_the_tables_and_in_the_language_of_the_report():
    chosen = arms(("unguided", "guided ramp-up:1.0"), ("whole", "filled"))
    english, japanese = (words(WORDS, language) for language in ("en", "ja"))
    assert [arm_name(arm, english) for arm in chosen] == [arm.name for arm in chosen]
    called = [arm_name(arm, japanese) for arm in chosen]
    assert len(set(called)) == len(chosen)
    assert not any(word in name for name in called for word in ("guided", "ordinary", "none", "filled", "class"))


def test_differences_of_shares_are_points():
    found = SimpleNamespace(value=0.0061, low=-0.03301, high=0.0444)
    assert points(found.value, words(WORDS, "en")) == "+0.6 points"
    assert points_interval(found, words(WORDS, "en")) == "95 %: -3.3 to +4.4 points"
    assert points_interval(found, words(WORDS, "ja")).endswith("+4.4 ポイント")
    assert points(-1e-9, words(WORDS, "en")) == "+0.0 points"
