"""What a report says: records that its producers fill in, and its page shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from ...errors import InputError, require
from .checks import empty, listed, one_of, picture
from .svg import svg_mistakes

__all__ = ["Answer", "Block", "Cell", "Chart", "Fact", "Language", "Pictures", "Report", "Section", "Table", "Text"]

Language: TypeAlias = Literal["en", "ja"]
Verdict: TypeAlias = Literal["go", "no-go", "not-yet", "neutral"]
Align: TypeAlias = Literal["left", "right"]

LANGUAGES = ("en", "ja")
VERDICTS = ("go", "no-go", "not-yet", "neutral")
ALIGNS = ("left", "right")
MOST_FACTS = 6
"""Most facts of a report. A reader keeps three or four in mind."""


class _Record:
    """What all records have in common: how they are written as JSON."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",
        "ser_json_bytes": "base64",
        "val_json_bytes": "base64",
    }


@dataclass(frozen=True)
class Cell(_Record):
    """One cell of a table.

    Args:
        text: What is shown.
        sort: The finite number by which a column is sorted. Without it, `text` decides.
        hint: An explanation, shown below `text` in small letters.
    """

    text: str
    sort: float | None = None
    hint: str = ""


@dataclass(frozen=True)
class Text(_Record):
    """Paragraphs, with an empty line between them.

    Args:
        text: The plain text.
    """

    text: str
    kind: Literal["text"] = "text"

    def mistakes(self) -> Iterator[str]:
        yield from empty(text=self.text)


@dataclass(frozen=True)
class Table(_Record):
    """A table of texts, which a reader may sort by any column.

    Args:
        caption: What the rows are.
        heads: Heading of each column.
        rows: Cells of each row, a text or a `Cell`. The first cell names the row.
        align: "left" or "right" for each column. Without it the first column is "left" and the others are "right".
        highlight: Indices of the rows that matter most.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    align: tuple[Align, ...] = ()
    highlight: tuple[int, ...] = ()
    kind: Literal["table"] = "table"

    def mistakes(self) -> Iterator[str]:
        yield from empty(caption=self.caption, heads=self.heads, rows=self.rows)
        yield from listed("heads", self.heads)
        columns = len(self.heads)
        for number, row in enumerate(self.rows):
            for cell in row:
                if isinstance(cell, Cell) and not math.isfinite(cell.sort or 0):
                    yield f"row {number}: got {cell.sort} as sort, expected a finite number, or None for no value"
            if len(row) != columns:
                yield f"row {number}: got {len(row)} cells, expected {columns}, one for each heading"
        if self.align and len(self.align) != columns:
            yield f"align: got {len(self.align)} columns, expected {columns}"
        for align in self.align:
            yield from one_of("align", align, ALIGNS)
        for marked in self.highlight:
            if not 0 <= marked < len(self.rows):
                yield f"highlight: got row {marked}, expected one from 0 to {len(self.rows) - 1}"


@dataclass(frozen=True)
class Chart(_Record):
    """A drawing. `chart` makes one from a figure of Matplotlib.

    Args:
        svg: An SVG document without scripts and without references to other files.
        title: The takeaway, as a sentence.
        description: What the drawing shows, for readers who do not see it.
    """

    svg: str
    title: str
    description: str
    kind: Literal["chart"] = "chart"

    def mistakes(self) -> Iterator[str]:
        yield from empty(title=self.title, description=self.description)
        yield from (f"svg: {mistake}" for mistake in svg_mistakes(self.svg))


@dataclass(frozen=True)
class Pictures(_Record):
    """A picture of samples.

    Args:
        png: The bytes of a PNG file.
        caption: What is compared.
        alt: What the picture shows, for readers who do not see it.
    """

    png: bytes
    caption: str
    alt: str
    kind: Literal["pictures"] = "pictures"

    def mistakes(self) -> Iterator[str]:
        yield from empty(caption=self.caption, alt=self.alt)
        yield from picture("png", self.png)


Block: TypeAlias = Text | Table | Chart | Pictures


@dataclass(frozen=True)
class Answer(_Record):
    """The answer to the question of a report.

    Args:
        verdict: "go", "no-go", "not-yet" where the data do not decide, or "neutral" where nothing is to be decided.
        headline: The answer in one sentence.
        because: The reason, with the numbers that decide.
    """

    verdict: Verdict
    headline: str
    because: str

    def mistakes(self) -> Iterator[str]:
        yield from one_of("verdict", self.verdict, VERDICTS)
        yield from empty(headline=self.headline, because=self.because)


@dataclass(frozen=True)
class Fact(_Record):
    """One number that a manager sees first.

    Args:
        name: What is measured.
        value: The number with its unit.
        interval: The interval with its level, as in "95 %: 0.81 to 0.90".
        note: What the number is compared with, or how it is to be read.
    """

    name: str
    value: str
    interval: str = ""
    note: str = ""

    def mistakes(self) -> Iterator[str]:
        yield from empty(name=self.name, value=self.value)


@dataclass(frozen=True)
class Section(_Record):
    """A part of the evidence.

    Args:
        title: The takeaway, as a sentence.
        blocks: What shows it.
    """

    title: str
    blocks: tuple[Block, ...]

    def mistakes(self) -> Iterator[str]:
        yield from empty(title=self.title, blocks=self.blocks)
        yield from _inside("blocks", self.blocks)


@dataclass(frozen=True)
class Report(_Record):
    """All that the page of a report shows, in the language of the reader.

    All texts are plain text. The page escapes them.

    Args:
        title: Name of the trial.
        language: "en" or "ja".
        question: What was asked.
        answer: The answer.
        facts: One to six numbers that decide; three or four are best.
        steps: What to do next, in this order.
        money: Costs and savings; empty if no prices are known.
        evidence: What supports the answer.
        settings: How it was made, by name: command, seeds, versions.
        notes: What is left out, and what the numbers do not say.

    Raises:
        InputError: With all mistakes of all records, if a text that must be there is empty, a row of a table has
            another length than its headings, or a drawing or picture is not one.

    Example:
        >>> report = Report(
        ...     title="Digits, quick look", language="en", question="Does guidance help?",
        ...     answer=Answer("neutral", "Guidance made no difference.", "The interval of the difference contains 0."),
        ...     facts=(Fact("Difference of accuracy", "+0.01", "95 %: -0.02 to +0.04"),),
        ...     steps=("Draw 2,000 samples.",), money=(), settings={"seed": "0"},
        ...     evidence=(Section("No difference was found", (Text("500 samples of each setting."),)),),
        ... )
        >>> Report.from_json(report.to_json()) == report
        True
    """

    title: str
    language: Language
    question: str
    answer: Answer
    facts: tuple[Fact, ...]
    steps: tuple[str, ...]
    money: tuple[Block, ...]
    evidence: tuple[Section, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        found = list(self.mistakes())
        if found:
            raise InputError("\n".join(["a report that is not complete:", *(f"- {mistake}" for mistake in found)]))

    def mistakes(self) -> Iterator[str]:
        """All that is wrong, one line each."""
        yield from one_of("language", self.language, LANGUAGES)
        yield from empty(title=self.title, question=self.question, facts=self.facts, steps=self.steps)
        yield from empty(evidence=self.evidence, settings=self.settings)
        yield from listed("steps", self.steps)
        yield from listed("notes", self.notes)
        yield from (f"answer: {mistake}" for mistake in self.answer.mistakes())
        if len(self.facts) > MOST_FACTS:
            yield f"facts: got {len(self.facts)}, expected at most {MOST_FACTS}"
        for name, records in (("facts", self.facts), ("money", self.money), ("evidence", self.evidence)):
            yield from _inside(name, records)

    def to_json(self) -> str:
        """The report as JSON, from which `from_json` makes an equal one."""
        return str(_adapter().dump_json(self, indent=1), "utf-8")

    @staticmethod
    def from_json(text: str | bytes) -> Report:
        """The report that `to_json` wrote.

        Raises:
            InputError: With all mistakes, if the text is not such a report.
        """
        try:
            report: Report = _adapter().validate_json(text)
        except require("pydantic", "pilot").ValidationError as error:
            lines = [f"- {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
            raise InputError("\n".join(["a text that is not the JSON of a report:", *lines])) from error
        return report


def _inside(name: str, records: Sequence[Fact | Section | Block]) -> Iterator[str]:
    """The mistakes of each record, with its place."""
    for number, record in enumerate(records):
        yield from (f"{name}[{number}]: {mistake}" for mistake in record.mistakes())


def _adapter() -> Any:
    return require("pydantic", "pilot").TypeAdapter(Report)
