"""Tables of strings with a class or a number each, in CSV or TSV files."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from ..errors import bad, choose
from .base import Dataset, Skipped
from .gather import assemble, nothing_left
from .texts import tokenise

__all__ = ["table"]

_DELIMITERS = "\t;|,"


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
    """The strings in a column of a table, told by their class, by a number, or by both.

    The first line names the columns. Commas, semicolons, tabs or bars divide them, whichever the first line has most
    of. A line without a string or a class, with a number that is none, with more or fewer fields than columns, with a
    string that is too long, or a SMILES string that RDKit rejects, is left out and listed by its number.

    Args:
        path: The file.
        text: Column of the strings; needed unless one column is left besides the others.
        label: Column of the classes.
        property: Column of the numbers.
        percentile: Between 0 and 100: tell whether the number is above that percentile, not the number.
        split: What a token is, in `characters` or `smiles`.
        tokenizer: A tokenizer.json of the library tokenizers, instead.
        length: Tokens in a sequence; by default those of the longest.
        encoding: Of the file. A byte order mark is no part of the first name.

    Raises:
        ValueError: If the file is no such table, or holds nothing usable, or a class alone.
    """
    name = _name(path, locals())
    if not path.is_file():
        raise bad("table", f"{path}, which is no file", "a CSV file", "Check the path.")
    if percentile is not None and property is None:
        raise bad("percentile", "no property", "property=COLUMN")
    rows = _rows(path, "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding)
    header = next(rows, (0, []))[1]
    known = [column for column in (label, property) if column is not None]
    if not known:
        raise bad(f"table {path.name}", "no label and no property", f"label=COLUMN or property=COLUMN of {header}")
    for column in [*known, *([text] if text else [])]:
        choose(f"column of {path.name}", column, header)
    others = [column for column in header if column not in known]
    if text is None and len(others) != 1:
        raise bad(f"table {path.name}", "no text", f"text=COLUMN with one of {', '.join(others)}")
    column = text or others[0]
    texts, classes, numbers, places, skipped = [], [], [], [], []
    for line, fields in rows:
        place = f"{path.name}:{line}"
        why = _wrong(fields, header, label, property)
        if why:
            skipped.append(Skipped(place, why))
            continue
        row = dict(zip(header, fields, strict=True))
        texts.append(row[column].strip())
        places.append(place)
        classes.append(row[label].strip() if label else "")
        numbers.append(float(row[property]) if property else math.nan)
    found = tokenise(texts, places, split, tokenizer, length)
    skipped += found.skipped
    if not found.kept:
        raise nothing_left(name, skipped)
    return assemble(
        name,
        found.tokens,
        found.codec,
        classes=[classes[index] for index in found.kept] if label else None,
        what=label or "",
        properties={property: [numbers[index] for index in found.kept]} if property else None,
        percentile=percentile,
        skipped=skipped,
    )


def _wrong(fields: list[str], header: list[str], label: str | None, number: str | None) -> str:
    """Why a line is left out; empty if it is not."""
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


def _rows(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty with the number of its last line."""
    line = 0
    try:
        with path.open(newline="", encoding=encoding) as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(_DELIMITERS, key=first.count)
            reader = csv.reader(file, delimiter=delimiter)
            for fields in reader:
                line = reader.line_num
                if any(field.strip() for field in fields):
                    yield line, fields
    except UnicodeDecodeError as error:
        got = f"bytes that are no {encoding} after line {line}"
        raise bad(f"table {path}", got, f"text in {encoding}", "Pass encoding=NAME, such as cp932.") from error
    except LookupError as error:
        raise bad("encoding", repr(encoding), "one that Python knows, such as utf-8, cp932 or latin-1") from error
    except csv.Error as error:
        raise bad(f"table {path}", f"{error} after line {line}", "a CSV file") from error


def _name(path: Path, given: dict[str, object]) -> str:
    usual = {"split": "characters", "encoding": "utf-8"}
    options = [f"{k}={v}" for k, v in given.items() if k != "path" and v is not None and v != usual.get(k)]
    return ",".join([f"csv:{path}", *options])
