"""Draws, judges and compares the settings of a question, one after the other, and says what is known so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ... import __version__
from ...data import Codec
from ...denoiser import Condition
from ...evaluate import Evaluation
from ...samplers import Diagnostics, DiagnosticsTable, sample
from ...study import Drawn, Executor, Here, Results, Setting, Store, Study, execute
from .comparison import Compared
from .lines import progress_lines
from .question import Question
from .rows import Row, compared

__all__ = ["answer", "joined", "judged"]

_SHOWN = 10
"""Samples of each setting that are shown side by side."""
_WATCHED = 64
"""Samples of each setting of which log Z_w and the masked fraction are measured."""


def answer(
    question: Question,
    store: Store,
    executor: Executor | None = None,
    *,
    codec: Codec | None = None,
    progress: Callable[[int, int], object] | None = None,
    tell: Callable[[str], object] | None = None,
    claimed: bool = False,
) -> Compared:
    """Answers a question. After any death the same call goes on with the samples that are there.

    Seeds are further sample numbers: the samples of all seeds of a setting are judged together, and sample i of a seed
    is the pair of sample i of that seed of the baseline.

    Args:
        question: The question.
        store: Where the samples go.
        executor: Who draws them; by default this process.
        codec: What the tokens stand for.
        progress: Called with the number of ranges of samples that are there, and of all.
        tell: Called with what is known of a setting as soon as it is judged.
        claimed: Whether the store is claimed already, by more than this one question.

    Raises:
        ValueError: For all that is wrong with the question, before any sample is drawn.
        dguide.study.TaskFailed: If samples could not be drawn.
    """
    question.check()
    study = question.study
    if not claimed:
        store.claim(study.digest, {"words": study.words})
    results = Results(study, store)
    waiting = _Waiting(question, results, tell or (lambda text: None))
    tasks = [task for each in question.settings.values() for seed in study.seeds for task in study.ranges(each, seed)]

    def report(done: int, count: int) -> None:
        if progress is not None:
            progress(done, count)
        waiting.look()

    execute(tasks, store, executor or Here(), report)
    waiting.look()
    if tell is not None:
        tell(f"Measuring how strongly guidance acts in each of {len(question.settings)} settings, for the report.")
    return Compared(
        settings=question.settings,
        evaluations=waiting.evaluations,
        rows=tuple(waiting.rows),
        main=question.main,
        about=_about(question),
        detect=question.detect,
        codec=codec,
        samples={name: _first(results[each, study.seeds[0]]) for name, each in question.settings.items()},
        diagnostics=dict(_watched(question)),
    )


class _Waiting:
    """Settings that are not judged yet, in order; judges each as soon as all of its samples are there."""

    def __init__(self, question: Question, results: Results, tell: Callable[[str], object]) -> None:
        self.question, self.results, self.tell = question, results, tell
        study = results.study
        self.left = [
            (label, setting, [task.key for seed in study.seeds for task in study.ranges(setting, seed)])
            for label, setting in question.settings.items()
        ]
        self.evaluations: dict[str, Evaluation] = {}
        self.rows: list[Row] = []

    def look(self) -> None:
        """Judges what has become complete."""
        while self.left and self.complete(self.left[0][2]):
            label, setting, _ = self.left.pop(0)
            self.add(label, setting)

    def complete(self, keys: list[str]) -> bool:
        store = self.results.store
        # Files are read only when all are there: one may be damaged, and is drawn anew.
        return all(map(store.holds, keys)) and all(store.read(key) is not None for key in keys)

    def add(self, label: str, setting: Setting) -> None:
        question, first = self.question, self.question.reference
        self.evaluations[label] = judged(question, self.results, setting)
        pair = {name: self.evaluations[name] for name in dict.fromkeys((first, label))}
        judge = question.judge
        rows = compared(
            pair,
            baseline=first,
            main=question.main,
            strata=judge.strata(joined(question.study.condition, self.results, setting)[1]),
            repetitions=judge.repetitions,
            seed=judge.seed,
            family=len(question.settings) - 1,
        )
        new = [row for row in rows if row.setting == label]
        self.rows += new
        self.tell("\n".join(progress_lines(new, len(self.evaluations), len(question.settings))))


def judged(question: Question, results: Results, setting: Setting, intervals: bool = True) -> Evaluation:
    """The figures of the samples of all seeds of a setting, with intervals or without."""
    tokens, condition, drawn = joined(question.study.condition, results, setting)
    return question.judge(
        tokens,
        condition,
        calls=(max(each.calls.conditional for each in drawn), max(each.calls.reference for each in drawn)),
        seconds=sum(each.seconds for each in drawn),
        settings=setting.written,
        intervals=intervals,
    )


def joined(told: Condition, results: Results, setting: Setting) -> tuple[Tensor, Condition, list[Drawn]]:
    """The samples of all seeds of a setting one after the other, and what they were told."""
    drawn = [results[setting, seed] for seed in results.study.seeds]
    return torch.cat([each.tokens.long() for each in drawn]), _together([each.condition for each in drawn]), drawn


def _together(conditions: list[Any]) -> Any:
    first = conditions[0]
    if isinstance(first, Tensor):
        return torch.cat(conditions)
    if isinstance(first, dict):
        return {name: _together([each[name] for each in conditions]) for name in first}
    if isinstance(first, list | tuple):
        return type(first)(_together(list(parts)) for parts in zip(*conditions, strict=True))
    return first


def _first(drawn: Drawn) -> Tensor:
    return drawn.tokens[:_SHOWN].long()


def _watched(question: Question) -> Iterator[tuple[str, DiagnosticsTable]]:
    """log Z_w and the masked fraction of a few samples of each setting that asks both networks."""
    few = min(_WATCHED, question.study.count)
    study = replace(question.study, count=few, batch_size=few, range_size=few)
    for name, setting in question.settings.items():
        seen = Diagnostics(bins=10)
        source = study.source.here()
        sample(**study.ranges(setting, study.seeds[0])[0].arguments(source), callback=seen)
        if not seen.empty:
            yield name, seen.table()


def _about(question: Question) -> dict[str, str]:
    """How the comparison was made, for people."""
    study: Study = question.study
    judge = question.judge
    return {
        "model": study.source.words,
        "data": judge.data + (" (synthetic)" if judge.synthetic else ""),
        "settings": ", ".join(question.settings),
        "all settings have": question.common or "nothing in common",
        "baseline": question.reference,
        "deciding figure": question.main,
        "samples of each setting": f"{study.count * len(study.seeds):,}",
        "seeds": ", ".join(map(str, study.seeds)),
        "batch size": str(study.batch_size),
        "halves of each interval": str(judge.repetitions),
        "seed of the judge": str(judge.seed),
        "dguide": __version__,
        "torch": torch.__version__,
    }
