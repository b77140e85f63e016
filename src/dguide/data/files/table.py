"""Loads CSV or TSV tables of strings, each with a class or a number."""

from __future__ import annotations

import codecs
import csv
import itertools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...errors import bad, choose
from ...spec import written
from ..base import Dataset, Skipped
from .assemble import assemble, nothing_left
from .texts import tokenise

__all__ = ["rows", "table"]

_DELIMITERS = "\t;|,"
_LONGEST = 2**31 - 1
"""Largest number of characters in a field; the default of the module csv is 131,072."""
_QUOTED = re.compile(r'"[^"]*"?')
_SEPARATOR = re.compile(r'"?sep=([^"])"?\s*', re.IGNORECASE)
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def table(
    path: Path,
    text: str | None = None,
    label: str | None = None,
    property: str | None = None,
    percentile: float | None = None,
    split: str = "characters",
    tokenizer: Path | None = None,
    length: int | None = None,
    encoding: str = "utf-8",
) -> Dataset:
    """Loads strings from a column of a table, with a class, a number, or both as conditions.

    The first line that is not empty has the names of the columns. The separator is the comma, semicolon, tab or bar
    that is most frequent in it outside quotes, or the one in an earlier line such as `sep=;`. Lines are omitted, and
    listed by number, if the string or the class is missing, the number is not valid, the number of fields is wrong, the
    string is too long, RDKit rejects the SMILES string, or the tokenizer lacks a word.

    Args:
        path: The file.
        text: Column of the strings; may be omitted if only one other column remains.
        label: Column of the classes.
        property: Column of the numbers.
        percentile: Between 0 and 100. The condition is then whether the number is above this percentile.
        split: The tokens: `characters` or `smiles`.
        tokenizer: A tokenizer.json of the library tokenizers; its words are then the tokens.
        length: Tokens in a sequence; by default the length of the longest.
        encoding: Encoding of the file. A byte order mark is ignored.

    Raises:
        ValueError: If the file is not such a table, or has no usable line, or only one class.
    """
    name = written("csv", table, dict(locals()), full=False)
    text, label, property = (each and unicodedata.normalize("NFC", each) for each in (text, label, property))
    if not path.is_file():
        raise bad("table", f"{path}, which is no file", "a CSV file", "Check the path.")
    if percentile is not None and property is None:
        raise bad("percentile", "no property", "property=COLUMN")
    lines = rows(path, encoding)
    header = [unicodedata.normalize("NFC", column.strip()) for column in next(lines, (0, []))[1]]
    column = _text_column(path, header, text, label, property)
    texts, classes, numbers, places, skipped = [], [], [], [], []
    for line, fields in lines:
        place = f"{path.name}:{line}"
        why = _wrong(fields, header, label, property)
        if why:
            skipped.append(Skipped(place, why))
            continue
        row = dict(zip(header, fields, strict=True))
        texts.append(row[column].strip())
        places.append(place)
        classes.append(unicodedata.normalize("NFC", row[label].strip()) if label else "")
        numbers.append(float(row[property]) if property else math.nan)
    tokenised = tokenise(texts, places, split, tokenizer, length)
    skipped += tokenised.skipped
    if not tokenised.kept:
        raise nothing_left(name, skipped)
    return assemble(
        name,
        tokenised.tokens,
        tokenised.codec,
        classes=[classes[index] for index in tokenised.kept] if label else None,
        what=label or "",
        properties={property: [numbers[index] for index in tokenised.kept]} if property else None,
        percentile=percentile,
        skipped=skipped,
        places=[places[index] for index in tokenised.kept],
    )


def _text_column(path: Path, header: list[str], text: str | None, label: str | None, number: str | None) -> str:
    """The column of the strings. Raises `ValueError` if a column is missing, or has two purposes."""
    table = f"table {path.name}"
    twice = sorted(column for column, count in Counter(header).items() if column and count > 1)
    if twice:
        raise bad(f"columns of {table}", f"{', '.join(twice)} more than once", "different names", "Rename them.")
    known = [column for column in (label, number) if column is not None]
    if not known:
        raise bad(table, "no label and no property", f"label=COLUMN or property=COLUMN of {header}")
    named = [*known, *([text] if text else [])]
    for column in named:
        choose(f"column of {path.name}", column, header)
        if named.count(column) > 1:
            raise bad(table, f"{column} for two things", "different columns as text, label and property")
    others = [column for column in header if column and column not in known]
    if text is None and len(others) != 1:
        raise bad(table, "no text", f"text=COLUMN with one of {', '.join(others)}")
    return text or others[0]


def _wrong(fields: list[str], header: list[str], label: str | None, number: str | None) -> str:
    """The reason to omit a line; empty for a valid line."""
    if len(fields) != len(header):
        return f"{len(fields)} fields, not {len(header)}"
    row = dict(zip(header, fields, strict=True))
    if label is not None and not row[label].strip():
        return f"no {label}"
    if number is not None:
        try:
            if not math.isfinite(float(row[number])):
                return f"{number} is {row[number].strip()}"
        except ValueError:
            return f"{number} is {row[number].strip()!r}, no number"
    return ""


def rows(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the names of the columns, then each record that is not blank, with its (last) line number."""
    line, before, delimiter = 0, 0, ""
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))
    try:
        with path.open(newline="", encoding=_without_mark(encoding)) as file:
            for first in file:
                separator = _SEPARATOR.fullmatch(first)
                delimiter = separator[1] if separator else delimiter
                if not separator and first.strip(_DELIMITERS + " \r\n"):
                    break
                before += 1
            else:
                return
            delimiter = delimiter or max(_DELIMITERS, key=_QUOTED.sub("", first).count)
            reader = csv.reader(itertools.chain([first], file), delimiter=delimiter, strict=True, skipinitialspace=True)
            for fields in reader:
                line = before + reader.line_num
                if len(fields) > 1 or any(field.strip() for field in fields):
                    yield line, fields
    except UnicodeError as error:
        got = f"bytes that are no {encoding} after line {line}"
        usual = "encoding=utf-16" if _marked_as_utf16(path) else "encoding=NAME, such as cp932"
        raise bad(f"table {path}", got, f"text in {encoding}", f"Pass {usual}.") from error
    except csv.Error as error:
        got = f"{error} after line {line}"
        remedy = f"Look from line {line + 1} on for a quote that is not closed, or a single one inside quotes."
        raise bad(f"table {path}", got, "a CSV file", remedy) from error


def _without_mark(encoding: str) -> str:
    """The encoding; for UTF-8 the variant that ignores a byte order mark. Raises `InputError` if it is unknown."""
    try:
        "".encode(encoding)  # fails for codecs of Python that are not for text
    except LookupError as error:
        raise bad("encoding", repr(encoding), "one that Python knows, such as utf-8, cp932 or latin-1") from error
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def _marked_as_utf16(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in _MARKS
