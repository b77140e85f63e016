"""Runs a pilot on a rare class: trains models, draws examples, trains classifiers, and reads their scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ... import checkpoint as checkpoints
from ...data import Dataset, class_of, few
from ...devices import best_device
from ...errors import Mistakes
from ...study import CheckpointSource, Executor, Saved, Store, Task, digest_of, execute
from ..studies import RESULTS
from .arms import Arm, arms, balance
from .figures import Scores
from .pictures import Shown, collected
from .settings import AugmentStudy
from .tasks import Fill, Judge, TrainModel, draws

__all__ = ["Found", "check", "run"]

_FILLED = 32
"""Examples that one task fills in."""
Say = Callable[[str], Callable[[int, int], object]]
"""Gives what is called with (done, all) of a kind of work, from its name."""


@dataclass(frozen=True, eq=False)
class Found:
    """What the classifiers of a pilot say of held-out data.

    Args:
        study: The settings.
        arms: The arms, in order.
        scores: The scores of each arm, by its name.
        validation: Classes of the validation part, [N] int64.
        test: Classes of the test part, [N] int64.
        groups: For each example of the test part the value of `AugmentStudy.by`, [N] int64; None if it is not given.
        bits: Bits per token of the test part of each model, one for all runs if it was given.
        steps: Training steps of each of these models.
        added: Number of examples that each arm adds.
        seconds: Seconds of all work, by kind.
        pictures: Real and generated examples of the first run.
    """

    study: AugmentStudy
    arms: tuple[Arm, ...]
    scores: dict[str, Scores]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    groups: NDArray[np.int64] | None
    bits: tuple[float, ...]
    steps: tuple[int, ...]
    added: int
    seconds: dict[str, float]
    pictures: Shown


def run(
    study: AugmentStudy,
    folder: Path,
    executor: Executor | None = None,
    say: Say | None = None,
    device: torch.device | None = None,
) -> Found:
    """Runs what is missing of a pilot, and reads its results. After any death the same call goes on.

    Args:
        study: The settings.
        folder: Where models and results go; with workers on other machines, one that they all see.
        executor: Who does the work; by default this process.
        say: Tells how far each kind of work has come.
        device: Where examples are drawn; by default an accelerator if there is one.

    Raises:
        ValueError: If the folder holds another pilot, or something is wrong that only the work shows.
        dguide.study.TaskFailed: If a task fails.
    """
    return _Run(study, folder, executor, say, device or best_device()).go()


def check(study: AugmentStudy, folder: Path) -> None:
    """Raises `ValueError` if the folder holds another pilot, and for settings that do not fit the model, at once."""
    mistakes, about = Mistakes(), _words(study)
    mistakes.of(lambda: Store(folder.absolute() / RESULTS).check_claim(digest_of(about), about))
    mistakes.of(lambda: study.check_sampling(study.model))
    mistakes.settle()


def _words(study: AugmentStudy) -> str:
    """What the folder of a pilot is of."""
    return f"{study.data}, {study.rare} with {study.real} real examples"


class _Run:
    def __init__(
        self, study: AugmentStudy, folder: Path, executor: Executor | None, say: Say | None, device: torch.device
    ) -> None:
        self.study, self.folder, self.executor, self.say = study, folder.absolute(), executor, say
        self.device = device
        self.store = Store(self.folder / RESULTS)
        whole = study.whole
        self.rare = class_of(whole, study.rare)
        self.data = [few(whole, study.rare, study.real, seed) for seed in study.choices]
        self.added = study.added or balance(self.data[0], self.rare)
        self.seconds: dict[str, float] = {}

    def go(self) -> Found:
        """Does the work and reads the scores."""
        study, about = self.study, _words(self.study)
        check(study, self.folder)
        # Keys of results say what these depend on. So other settings, or more runs, go on in the same folder.
        self.store.claim(digest_of(about), {"words": about})
        sources = self._sources()
        drawn = self._draw(sources)
        titles = study.titles
        chosen = arms([titles[each.label] for each in study.settings], study.ways)
        judges = {arm.name: [self._judge(arm, seed, drawn) for seed in range(study.runs)] for arm in chosen}
        self._do("classifiers", [each for several in judges.values() for each in several])
        scores = {name: self._scores(several) for name, several in judges.items()}
        whole, groups = study.whole, None
        if study.by is not None:
            condition = next(each for each in whole.conditions if each.name == study.by)
            groups = condition.of(whole.test.labels, whole.test.properties).numpy()
        configs = [checkpoints.load(each.path).config for each in dict.fromkeys(sources)]
        bits, steps = tuple(each.bits for each in configs), tuple(each.steps for each in configs)
        labels = (whole.validation.labels.numpy(), whole.test.labels.numpy())
        keys = {arm.name: drawn[arm.drawn, arm.way, 0] for arm in chosen if arm.drawn and not arm.repeated}
        pictures = collected(study, self.data[0], self.rare, self.store, keys, self.added)
        return Found(study, chosen, scores, *labels, groups, bits, steps, self.added, self.seconds, pictures)

    def _sources(self) -> list[CheckpointSource]:
        """The model of each run: the one that was given, or those that are trained now."""
        if self.study.model is not None:
            return [CheckpointSource.of(self.study.model, self.device)] * self.study.runs
        models = [
            TrainModel(self.folder, data.name, data.digest, self.study.train, seed)
            for seed, data in enumerate(self.data)
        ]
        self._do("models", models)
        return [CheckpointSource.of(each.path, self.device) for each in models]

    def _draw(self, sources: list[CheckpointSource]) -> dict[tuple[str, str, int], tuple[str, ...]]:
        """Draws the examples of each setting, way and run, and gives the keys of their results."""
        found, tasks = dict[tuple[str, str, int], tuple[str, ...]](), list[Task]()
        titles = self.study.titles
        for seed, source in enumerate(sources):
            data, digest = self.data[seed], self.data[seed].digest
            for setting in self.study.settings:
                for way in self.study.ways:
                    several: list[Task] = (
                        list(draws(source, setting, data, self.rare, self.added, seed))
                        if way == "whole"
                        else [
                            Fill(source, setting, data.name, digest, self.rare, self.study.good_classes,
                                 self.study.region, seed, first, min(_FILLED, self.added - first))
                            for first in range(0, self.added, _FILLED)
                        ]
                    )  # fmt: skip
                    found[titles[setting.label], way, seed] = tuple(each.key for each in several)
                    tasks += several
        self._do("examples", tasks)
        return found

    def _judge(self, arm: Arm, seed: int, drawn: dict[tuple[str, str, int], tuple[str, ...]]) -> Judge:
        data: Dataset = self.data[seed]
        keys = drawn[arm.drawn, arm.way, seed] if arm.drawn else ()
        study = self.study
        return Judge(
            self.store.url, data.name, data.digest, self.rare, arm, self.added, keys, study.classifier,
            study.augmentation, seed,
        )  # fmt: skip

    def _do(self, what: str, tasks: list[Task] | list[TrainModel] | list[Judge]) -> None:
        progress = None if self.say is None else self.say(what)
        execute(tasks, self.store, self.executor, progress)
        self.seconds[what] = sum(float(self._saved(each).about.get("seconds", 0)) for each in tasks)

    def _saved(self, task: Task) -> Saved:
        saved = self.store.read(task.key)
        assert saved is not None  # it has just been done
        return saved

    def _scores(self, tasks: list[Judge]) -> Scores:
        """The log-odds of the rare class against the good ones, of each run."""
        saved = [self._saved(each).arrays for each in tasks]
        return Scores.of(
            [each["validation"] for each in saved], [each["test"] for each in saved], self.rare, self.study.good_classes
        )
