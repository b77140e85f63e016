"""Searches mechanism, schedule, weight and steps for the best setting, and judges the winner again on fresh seeds.

The best of many settings looks better than it is: its samples were lucky too. So its figure from the search is not
reported alone. The winner and the baseline are drawn again from seeds that the search has not used, and their figures
and the difference come from these samples only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ....data import Codec
from ....errors import Mistakes, bad, positive
from ....evaluate import Estimate, Evaluation
from ....evaluate.evaluation import shown
from ....study import Executor, Here, Results, Setting, Store, Study, digest_of, execute
from ...report import words
from ..comparison import Compared
from ..judge import Judge
from ..question import Question, baseline_of, check_difference, figure_of
from ..run import answer, judged
from ..words import WORDS, figure_name
from .search import Trial, Value, rungs, search
from .shapes import Shapes

__all__ = ["JOURNAL", "Tuned", "examine_search", "tune"]

JOURNAL = "tuning.journal"
"""Name of the file of the search, which Optuna reads."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """The result of a search.

    Args:
        winner: The best setting.
        searched: Its figure in the search, which is too good.
        fresh: The comparison of the winner with the baseline on fresh seeds; None if the baseline is the winner.
        trials: All trials.
        baseline: Label of the baseline.
    """

    winner: Setting
    searched: Estimate
    fresh: Compared | None
    trials: tuple[Trial, ...]
    baseline: str

    @property
    def figure(self) -> Estimate:
        """The figure of the winner: on fresh seeds, if they were drawn."""
        if self.fresh is None:
            return self.searched
        return self.fresh.row(list(self.fresh.settings)[1], self.fresh.main).figure

    def advice(self, language: str = "en") -> str:
        """What was found, with the figure of the search and that on fresh seeds, and what to do."""
        say, count = words(WORDS, language), len(self.trials)
        if self.fresh is None:
            return say("kept", count=count, baseline=self.baseline)
        figure = self.figure
        found = say(
            "tuned",
            count=count,
            setting=self.winner.label,
            figure=figure_name(figure.name, language),
            searched=shown(self.searched.value),
            fresh=shown(figure.value),
            low=shown(figure.low),
            high=shown(figure.high),
        )
        return ("" if language == "ja" else " ").join((found, self.fresh.advice(language)))


def tune(
    question: Question,
    shapes: Shapes,
    *,
    budget: int,
    folder: Path,
    executor: Executor | None = None,
    codec: Codec | None = None,
    tell: Callable[[str], object] | None = None,
) -> Tuned:
    """Searches the best setting, and judges it again. The same call goes on in the same folder.

    Args:
        question: The figure to search for, the model, seeds and number of samples; its baseline is tried first, if the
            search may choose it.
        shapes: What to choose from.
        budget: Number of settings to try.
        folder: For the samples, in `search` and `fresh`, and the journal of Optuna.
        executor: Who draws the samples; by default this process.
        codec: What the tokens stand for.
        tell: Called with what is known of each setting as soon as it was tried.

    Raises:
        ValueError: If anything does not fit, before any sample is drawn.
        dguide.errors.MissingExtra: If Optuna is not installed.
    """
    mistakes = Mistakes()
    mistakes.of(lambda: positive("budget", budget))
    asked = (question.figure, question.baseline, question.detect)
    examine_search(mistakes, question.study, question.judge, shapes, *asked)
    mistakes.settle()
    better = question.judge.direction(question.main)
    rounds = rungs(question.study.count, question.study.batch_size)
    base = question.settings[question.reference]
    first = shapes.parameters(base)
    judge = question.judge
    measure = _Measure(question, shapes, rounds[0], Store(folder / "search"), executor or Here())
    judged_by = [judge.data, repr(judge.metrics), judge.names, question.main, judge.seed]
    depends = [question.study.digest, shapes.space, base.written, rounds, judged_by]
    folder.mkdir(parents=True, exist_ok=True)
    trials = search(
        shapes.space,
        measure,
        better=better,
        budget=budget,
        rounds=rounds,
        storage=folder / JOURNAL,
        name=f"dguide-{digest_of(depends)[:16]}",
        seed=question.study.seeds[0],
        first=() if first is None else (first,),
        tell=None if tell is None else lambda trial: tell(_line(trial, shapes, question.main, budget)),
    )
    complete = [each for each in trials if each.complete]
    best = (min if better == "lower" else max)(complete, key=lambda each: each.values[rounds[-1]], default=None)
    if best is None:
        raise bad(f"figure {question.main}", "no value for any setting", "one for each", "Take more samples.")
    winner = shapes.setting(best.parameters)
    searched = measure.evaluation(winner, rounds[-1], intervals=True)[question.main]
    if winner == base:
        return Tuned(winner, searched, None, trials, base.label)
    seeds = tuple(max(question.study.seeds) + 1 + number for number in range(len(question.study.seeds)))
    again = replace(question.study, settings=(base, winner), seeds=seeds)
    # A larger budget may find another winner, whose samples do not belong with those of this one.
    store = Store(folder / "fresh" / again.digest[:16])
    fresh = answer(replace(question, study=again), store, executor, codec=codec, tell=tell)
    return Tuned(winner, searched, fresh, trials, base.label)


def examine_search(
    mistakes: Mistakes,
    study: Study | None,
    judge: Judge | None,
    shapes: Shapes | None,
    figure: str | None = None,
    baseline: str | None = None,
    detect: float | None = None,
) -> None:
    """Keeps all that is wrong with a search, as `examine` does with a comparison.

    All that the search may choose is tried with the model, and the first round must have enough samples to judge.
    """
    mistakes.of(lambda: check_difference(detect))
    if study is not None:
        kinds = dict.fromkeys((*study.settings, *(() if shapes is None else shapes.corners)))
        mistakes.of(replace(study, settings=tuple(kinds)).check)
        mistakes.of(lambda: baseline_of(study.settings, baseline))
        if judge is not None:
            first = rungs(study.count, study.batch_size)[0]
            mistakes.of(lambda: judge.check_count(first * len(study.seeds)))
    if judge is not None:
        mistakes.of(lambda: judge.direction(figure_of(figure, judge.names)))


@dataclass(frozen=True, eq=False)
class _Measure:
    """The figure of a setting after a number of samples of each seed. What was drawn before is not drawn again."""

    question: Question
    shapes: Shapes
    size: int
    store: Store
    executor: Executor

    def __call__(self, parameters: Mapping[str, Value], count: int) -> float:
        found = self.evaluation(self.shapes.setting(parameters), count, intervals=False)
        return found[self.question.main].value

    def evaluation(self, setting: Setting, count: int, intervals: bool) -> Evaluation:
        batches = -(-self.size // self.question.study.batch_size)
        batch = self.size // batches
        study = replace(self.question.study, settings=(setting,), count=count, batch_size=batch, range_size=self.size)
        execute(study.tasks(), self.store, self.executor)
        return judged(replace(self.question, study=study), Results(study, self.store), setting, intervals)


def _line(trial: Trial, shapes: Shapes, main: str, budget: int) -> str:
    """What is known of a setting that was tried."""
    values = ", ".join(f"{shown(value)} with {samples:,}" for samples, value in trial.values.items())
    end = "" if trial.complete else "; given up"
    return f"[{trial.number + 1}/{budget}] {shapes.setting(trial.parameters).label}: {main} {values} samples{end}"
