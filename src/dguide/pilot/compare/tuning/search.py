r"""Searches for the best parameters with Optuna, with successive halving by number of samples.

Each trial begins with few samples. It goes on with three times as many if its figure is among the best third of those
that all trials so far had at this number (asynchronous successive halving: Li et al., "A system for massively parallel
hyperparameter tuning", arXiv 1810.05934, algorithm 2). Optuna proposes the parameters by its tree-structured Parzen
estimator. What it proposes depends on the trials before and the seed only. So a search that was interrupted goes on as
if it had not been. The rule of halving is here for the same reason: that of Optuna counts what an interrupted trial has
left behind.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ....errors import bad, positive, require

__all__ = ["FACTOR", "Space", "Trial", "promoted", "rungs", "search"]

FACTOR = 3
"""Times as many samples in each round; one of so many trials goes on."""
_LEAST = 50
"""Samples below which a round would say too little."""

Value = str | int | float
Space = Mapping[str, tuple[float, float] | Sequence[Value]]
"""For each parameter its lower and upper end, as a tuple of two floats, or a list of its values."""


@dataclass(frozen=True)
class Trial:
    """One proposal of a search.

    Args:
        number: Its number, from 0.
        parameters: The parameters.
        values: The figure at each number of samples that was drawn.
        complete: Whether it reached the largest number.
    """

    number: int
    parameters: Mapping[str, Value]
    values: Mapping[int, float]
    complete: bool


def rungs(count: int, batch_size: int = 256) -> tuple[int, ...]:
    """The numbers of samples of the rounds, each three times the one before; the last one is `count` or a little more.

    The first one is a multiple of a batch of at most `batch_size`, so that a round draws none again.

    >>> rungs(500)
    (56, 168, 504)
    """
    positive("count", count)
    rounds = max(0, int(math.log(max(count / _LEAST, 1), FACTOR) + 1e-9))
    least = math.ceil(count / FACTOR**rounds)
    batches = math.ceil(least / positive("batch_size", batch_size))
    return tuple(math.ceil(least / batches) * batches * FACTOR**k for k in range(rounds + 1))


def promoted(value: float, others: Sequence[float], better: Literal["higher", "lower"]) -> bool:
    """Whether a trial goes on: its figure is among the best third of its own and those of the others."""
    sign = 1 if better == "higher" else -1
    ranked = sorted([sign * each for each in (value, *others) if not math.isnan(each)], reverse=True)
    return not math.isnan(value) and sign * value >= ranked[max(len(ranked) // FACTOR, 1) - 1]


def search(
    space: Space,
    measure: Callable[[Mapping[str, Value], int], float],
    *,
    better: Literal["higher", "lower"],
    budget: int,
    rounds: Sequence[int],
    storage: Path,
    name: str,
    seed: int = 0,
    first: Sequence[Mapping[str, Value]] = (),
    tell: Callable[[Trial], object] | None = None,
) -> tuple[Trial, ...]:
    """All trials of a search. The same call goes on with the trials that are in `storage`.

    Args:
        space: The parameters.
        measure: The figure for parameters and a number of samples; nan if there is none.
        better: Which direction of the figure is better.
        budget: Number of trials.
        rounds: Numbers of samples, from `rungs`.
        storage: A journal of Optuna, which `optuna-dashboard FILE` opens. One process at a time may search in it.
        name: Name of the search; another one has another name.
        seed: Seed of the proposals.
        first: Parameters to try first.
        tell: Called with each trial as soon as it ends.

    Raises:
        ValueError: If the budget is no number above 0, or another process searches in the journal.
        dguide.errors.MissingExtra: If Optuna is not installed.
    """
    positive("budget", budget)
    optuna = require("optuna", "pilot")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = require("optuna.storages.journal", "pilot")
    distributions = {key: _distribution(optuna, values) for key, values in space.items()}
    with _alone(storage):
        study = optuna.create_study(
            storage=optuna.storages.JournalStorage(journal.JournalFileBackend(str(storage))),
            study_name=name,
            direction="maximize" if better == "higher" else "minimize",
            load_if_exists=True,
        )
        while len(_ended(study)) < budget:
            study.sampler = optuna.samplers.TPESampler(seed=(seed + len(_ended(study))) % 2**32)
            trial = _next(optuna, study, distributions, first)
            ended = _tried(optuna, study, trial, measure, rounds, better)
            if tell is not None:
                tell(ended)
        return tuple(_trial(number, each) for number, each in enumerate(_ended(study)[:budget]))


@contextmanager
def _alone(storage: Path) -> Iterator[None]:
    """Refuses a second process that searches in the same journal: each would go on with the trial of the other."""
    library = require("filelock", "pilot")
    lock = library.FileLock(storage.with_name(f".{storage.name}.busy"))  # the system frees it when its process dies
    try:
        lock.acquire(timeout=0)
    except library.Timeout as error:
        remedy = "Wait until it ends, or choose another folder."
        raise bad(f"search in {storage}", "another process that searches in it", "one at a time", remedy) from error
    try:
        yield
    finally:
        lock.release()


def _distribution(optuna: Any, values: tuple[float, float] | Sequence[Value]) -> Any:
    if isinstance(values, tuple):
        low, high = values
        return optuna.distributions.FloatDistribution(low, high)
    if not values:
        raise bad("values of a parameter", "none", "at least one")
    return optuna.distributions.CategoricalDistribution(list(values))


def _ended(study: Any) -> list[Any]:
    """The trials that came to an end, in order."""
    return [each for each in study.get_trials(deepcopy=False) if each.state.name in ("COMPLETE", "PRUNED")]


def _next(optuna: Any, study: Any, distributions: Mapping[str, Any], first: Sequence[Mapping[str, Value]]) -> Any:
    """The trial that was interrupted, if there is one; else a new one."""
    for each in study.get_trials(deepcopy=False):
        if each.state.name == "RUNNING":
            if set(each.params) == set(distributions):
                return optuna.trial.Trial(study, each._trial_id)
            study.tell(each.number, state=optuna.trial.TrialState.FAIL)  # interrupted before it had its parameters
    if len(_ended(study)) < len(first) and not any(each.state.name == "WAITING" for each in study.trials):
        study.enqueue_trial(dict(first[len(_ended(study))]))
    return study.ask(dict(distributions))


def _tried(
    optuna: Any,
    study: Any,
    trial: Any,
    measure: Callable[[Mapping[str, Value], int], float],
    rounds: Sequence[int],
    better: Literal["higher", "lower"],
) -> Trial:
    """Takes one trial through the rounds."""
    number = len(_ended(study))
    for samples in rounds:
        value = measure(trial.params, samples)
        with warnings.catch_warnings():  # a trial that was interrupted has reported this already
            warnings.simplefilter("ignore")
            trial.report(value, samples)
        others = [each.intermediate_values[samples] for each in _ended(study) if samples in each.intermediate_values]
        if samples != rounds[-1] and not promoted(value, others, better):
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return _trial(number, _ended(study)[-1])
    state = optuna.trial.TrialState.PRUNED if math.isnan(value) else optuna.trial.TrialState.COMPLETE
    study.tell(trial, None if math.isnan(value) else value, state=state)
    return _trial(number, _ended(study)[-1])


def _trial(number: int, ended: Any) -> Trial:
    return Trial(number, dict(ended.params), dict(ended.intermediate_values), ended.state.name == "COMPLETE")
