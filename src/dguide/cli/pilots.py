"""The kinds of `dguide pilot`: reads the settings of one, runs it, and writes its files."""

from __future__ import annotations

import difflib
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..data import LOADERS
from ..errors import Mistakes, bad, choose
from ..files import replacing
from ..pilot.augment.ready import READY
from ..pilot.parquet import write_parquet
from ..progress import duration
from ..study import Executor

__all__ = ["KINDS", "Work", "check_work", "study_of"]

KINDS = ("compare", "augment")
"""The kinds of pilots, as the command line and a file name them."""
_TYPED = {"compare": "DATA", "augment": "augment DATA"}
"""What stands before the options of each kind."""


def study_of(word: str, data: str | None, given: Mapping[str, Any], mistakes: Mistakes) -> Any:
    """The study of the first words of the command line, with the settings that options give in their place.

    Args:
        word: A kind, a ready study, a file in YAML, or data, which is short for `compare` and the data.
        data: The data after a kind.
        given: Settings by name.
        mistakes: Keeps what is wrong; the result is None if the study is, and one without a setting that it lacks.
    """
    from ..pilot.augment.settings import AugmentStudy  # these need the extra
    from ..pilot.studies import PilotStudy, checked
    from ..pilot.trial.settings import CompareStudy

    found = mistakes.of(lambda: _base(word, data))
    if found is None:
        return None
    kind, base = found
    studies: dict[str, type[PilotStudy]] = {"compare": CompareStudy, "augment": AugmentStudy}
    foreign = [name for name in given if name not in studies[kind].model_fields]
    mistakes.of(lambda: _refuse(kind, foreign))
    rest = {name: value for name, value in given.items() if name not in foreign}
    return mistakes.of(lambda: checked(studies[kind], _with(base, rest)))


def check_work(study: Any, out: Path) -> None:
    """Raises `ValueError` if a study cannot be run in a folder; nothing is written."""
    from ..pilot.augment.run import check as check_augment
    from ..pilot.trial.run import check as check_compare
    from ..pilot.trial.settings import CompareStudy

    if isinstance(study, CompareStudy):
        check_compare(study, out)
    else:
        check_augment(study, out)


def _base(word: str, data: str | None) -> tuple[str, dict[str, Any]]:
    """The kind of a study, and its settings without those of options."""
    if word in KINDS:
        if data is None:
            example = "images:FOLDER --rare CLASS" if word == "augment" else "images:FOLDER"
            raise bad("DATA", "nothing", f"labelled data, as in `dguide pilot {word} {example}`")
        LOADERS.allow(data)
        return word, {"data": data}
    if data is not None:
        remedy = f"Did you mean dguide pilot augment {data}?"
        raise bad("DATA", repr(data), f"nothing after {word}, or {' or '.join(KINDS)} before it", remedy)
    if word in READY:
        return "augment", dict(READY[word])
    if Path(word).suffix.lower() in (".yaml", ".yml"):
        from ..pilot.studies import read_study

        base = read_study(Path(word))
        return choose("kind of study", str(base.pop("kind", "augment")), KINDS), base
    _check_name(word)
    LOADERS.allow(word)
    return "compare", {"data": word}


def _check_name(word: str) -> None:
    """Raises `ValueError` for a word that is neither a study nor data."""
    if ":" in word or word.lower() in LOADERS.names() or Path(word).exists():
        return  # data, or a path without a name, of which the loaders say more
    known = [*READY, *KINDS, *LOADERS.names()]
    expected = f"a ready study ({', '.join(READY)}), {' or '.join(KINDS)}, a file STUDY.yaml, or data"
    near = difflib.get_close_matches(word, known, n=1)
    raise bad("STUDY", repr(word), expected, f"Did you mean {near[0]}?" if near else "`dguide data --help` lists them.")


def _refuse(kind: str, foreign: list[str]) -> None:
    if foreign:
        options = ", ".join("--" + {"ways": "way"}.get(name, name).replace("_", "-") for name in foreign)
        used, other = _TYPED[kind], next(each for name, each in _TYPED.items() if name != kind)
        remedy = f"`dguide pilot {other}` uses {'it' if len(foreign) == 1 else 'them'}."
        if "model" in foreign:
            remedy += " `dguide compare CHECKPOINT` compares settings on a model that exists."
        raise bad(options, "a value", f"none, since `dguide pilot {used}` does not use it", remedy)


def _with(base: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others in their place, and without those that these make void."""
    void = {"model": "train", "train": "model"}
    kept = {name: value for name, value in base.items() if not any(void.get(each) == name for each in given)}
    return kept | ({"example_prices": False} if "prices" in given else {}) | dict(given)


@dataclass(frozen=True)
class Work:
    """Where a pilot is run, and by whom.

    Args:
        out: The folder.
        executor: Who does the work.
        device: Where samples are drawn.
        pdf: Whether the report is written as a PDF too.
    """

    out: Path
    executor: Executor
    device: torch.device
    pdf: bool

    def run(self, study: Any) -> None:
        """Does the work of a study, writes the files, and prints the answer."""
        from ..pilot.trial.settings import CompareStudy

        if isinstance(study, CompareStudy):
            self._compare(study)
        else:
            self._augment(study)

    def _compare(self, study: Any) -> None:
        from ..pilot.compare import write_files
        from ..pilot.trial.report import report
        from ..pilot.trial.run import run

        found = run(study, self.out, self.executor, device=self.device, tell=lambda text: print(text, flush=True))
        write_files(found.compared, self.out)
        self._write(report(found, _made()))

    def _augment(self, study: Any) -> None:
        from ..pilot.augment.page.report import report
        from ..pilot.augment.result import COLUMNS, Result
        from ..pilot.augment.run import run

        if study.has_seen_all:
            seen = f"the model has learnt all examples of {study.rare}, also those that the pilot leaves out"
            print(f"warning: {seen}: its result is optimistic", file=sys.stderr)
        result = Result(run(study, self.out, self.executor, _told, self.device))
        with replacing(self.out / "arms.csv") as temporary:
            temporary.write_text(result.as_csv(), encoding="utf-8")
        write_parquet(self.out / "arms.parquet", [dict(zip(COLUMNS, row, strict=True)) for row in result.rows()])
        print(result.as_text())
        self._write(report(result, _made()))

    def _write(self, made: Any) -> None:
        """Writes the report, and prints its answer and its path."""
        from ..pilot.report import page, pdf

        html = self.out / "report.html"
        with replacing(html) as temporary:
            temporary.write_text(page(made), encoding="utf-8")
        if self.pdf:
            pdf(html, self.out / "report.pdf")
        print(f"\n{made.answer.headline}\n{made.answer.because}\n\n{made.steps[0]}\nReport: {html}")


def _made() -> dict[str, str]:
    return {"command": shlex.join(["dguide", *sys.argv[1:]])}


def _told(what: str) -> Callable[[int, int], object]:
    """Prints how many results of a kind are there, each time that there are more, and how long the rest will take."""
    began: list[tuple[float, int]] = []

    def tell(done: int, count: int) -> None:
        began.append((time.monotonic(), done))
        (start, first), (now, _) = began[0], began[-1]
        left = (now - start) / (done - first) * (count - done) if done > first else 0.0
        rest = f", about {duration(left)} left" if left >= 1 else ""
        print(f"{what}: {done} of {count}{rest}", file=sys.stderr, flush=True)

    return tell
