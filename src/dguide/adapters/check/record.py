"""What a check of a model found: a line for each question."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

__all__ = ["Line", "ModelCheck", "Verdict", "decided"]

Verdict: TypeAlias = Literal["right", "wrong", "not decidable", "does not apply"]
_WIDTH = 110


@dataclass(frozen=True)
class Line:
    """The answer to one question.

    Attributes:
        question: Its name.
        verdict: "right", "wrong", "not decidable" or "does not apply".
        seen: What was seen, or why there is no answer.
        expected: What a model that fits would show.
        remedy: What to set; of a wrong line only.
    """

    question: str
    verdict: Verdict
    seen: str
    expected: str = ""
    remedy: str = ""


def decided(question: str, seen: str, expected: str, remedy: str, *, right: bool, wrong: bool) -> Line:
    """The line of a question that data decide: right or wrong if that is sure, otherwise not decidable."""
    if wrong:
        return Line(question, "wrong", seen, expected, remedy)
    if right:
        return Line(question, "right", seen, expected)
    return Line(question, "not decidable", f"{seen}: the difference may be chance", expected)


@dataclass(frozen=True)
class ModelCheck:
    """What `dguide.check_model` found. `str()` of it is a table.

    Attributes:
        lines: A line for each question.
        calls: Number of calls of the model.
    """

    lines: tuple[Line, ...]
    calls: int

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; questions that could not be decided do not count."""
        return not self.wrong

    @property
    def wrong(self) -> tuple[str, ...]:
        """The questions whose answer is wrong."""
        return tuple(line.question for line in self.lines if line.verdict == "wrong")

    def __getitem__(self, question: str) -> Line:
        """The line of a question. Raises `KeyError` if there is none."""
        for line in self.lines:
            if line.question == question:
                return line
        raise KeyError(question)

    def as_json(self) -> str:
        """The table as JSON."""
        return json.dumps(
            {"ok": self.ok, "calls": self.calls, "lines": [asdict(line) for line in self.lines]}, indent=2
        )

    def __str__(self) -> str:
        question = max(len(line.question) for line in self.lines) + 2
        verdict = len("does not apply") + 2
        rows = []
        for line in self.lines:
            told = [line.seen, *([f"expected: {line.expected}"] if line.expected else [])]
            told += [f"set: {line.remedy}"] if line.remedy else []
            first = f"{line.question:<{question}}{_shown(line.verdict):<{verdict}}"
            for number, text in enumerate(told):
                head = first if number == 0 else " " * len(first)
                rows += textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(first))
        return "\n".join([*rows, "", self._summary()])

    def _summary(self) -> str:
        undecided = sum(line.verdict == "not decidable" for line in self.lines)
        found = f"wrong: {', '.join(self.wrong)}" if self.wrong else "nothing wrong"
        return f"{found}; {undecided} of {len(self.lines)} questions not decidable; {self.calls} calls of the model"


def _shown(verdict: Verdict) -> str:
    return verdict.upper() if verdict == "wrong" else verdict
