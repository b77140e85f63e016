"""Sentences in two languages, by key."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from ...errors import bad, choose

__all__ = ["LANGUAGES", "Sentences", "differences", "words"]

Sentences: TypeAlias = Mapping[str, Mapping[str, str]]
"""Format strings by language and key, as in `{"en": {"seeds": "{n} seeds"}, "ja": {"seeds": "シード {n} 個"}}`."""

LANGUAGES = ("en", "ja")


def words(table: Sentences, language: str) -> Callable[..., str]:
    """A function that gives the sentence of a key in one language, with its fields filled in.

    Args:
        table: Format strings by language and key.
        language: "en" or "ja".

    Raises:
        InputError: If the language is unknown, or, by the function, if a key is unknown or a field has no value.

    Example:
        >>> say = words({"en": {"seeds": "{n} seeds"}, "ja": {"seeds": "シード {n} 個"}}, "ja")
        >>> say("seeds", n=5)
        'シード 5 個'
    """
    known = table[choose("language", language, table)]

    def say(key: str, /, **values: object) -> str:
        sentence = known[choose("sentence", key, known)]
        lacking = _fields(sentence) - values.keys()
        if lacking:
            raise bad(f"values of the sentence {key!r}", f"none for {', '.join(sorted(lacking))}", "one for each field")
        return sentence.format(**values)

    return say


def differences(table: Sentences) -> Iterator[str]:
    """What the languages of a table do not have in common: keys, and fields of a sentence. For tests of tables."""
    keys = set().union(*table.values())
    for key in sorted(keys):
        lacking = sorted(language for language in LANGUAGES if key not in table.get(language, {}))
        if lacking:
            yield f"{key}: no sentence in {', '.join(lacking)}"
        elif len({frozenset(_fields(table[language][key])) for language in LANGUAGES}) > 1:
            yield f"{key}: other fields in one language than in the other"


def _fields(sentence: str) -> set[str]:
    """Names of the fields of a format string, without what is read from them (`point.low` is `point`)."""
    named = (name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None)
    return {name.partition(".")[0].partition("[")[0] for name in named}
