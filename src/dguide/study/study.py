"""Studies: settings times seeds, cut into ranges of samples, and what was drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from torch import Tensor

from .. import __version__
from ..denoiser import Condition, in_turn
from ..errors import Mistakes, bad, positive
from ..random import check_seed
from ..samplers import Calls, prepare
from .content import digest_of_object
from .draw import Draw
from .execute import execute
from .executors import Executor
from .setting import Setting
from .source import Source
from .store import JSON, Store
from .task import digest_of

__all__ = ["Drawn", "Results", "Study", "run"]

_RANGE = 256
"""Samples of a range, unless a batch has more."""


@dataclass(frozen=True, eq=False)
class Study:
    """A grid of settings, each with the same seeds, conditions and sample numbers, so that they compare in pairs.

    Args:
        source: What the samples are drawn from.
        settings: The settings, all different.
        seeds: The seeds, all different.
        count: Samples of each setting and seed. It is not part of the digest: more samples go on with the same study.
        condition: What the samples are told: sample i gets row i mod K of each tensor with K rows.
        reference: What guidance tilts away from: a condition in the same form, or a weaker model.
        initial: Tokens to begin with, [K, L], used in turn.
        fixed: Which of them to hold, [K, L].
        first_index: Number of the first sample.
        batch_size: Samples in one pass through the network. Networks vary in their last bits with it.
        range_size: Samples of a range, a multiple of `batch_size`; by default the first one from 256 on.

    Raises:
        ValueError: For all that is wrong with the numbers at once.
    """

    source: Source
    settings: tuple[Setting, ...]
    seeds: tuple[int, ...]
    count: int
    condition: Condition = None
    reference: Condition | Source = None
    initial: Tensor | None = None
    fixed: Tensor | None = None
    first_index: int = 0
    batch_size: int = 256
    range_size: int | None = None

    def __post_init__(self) -> None:
        mistakes = Mistakes()
        mistakes.of(lambda: positive("count", self.count))
        mistakes.of(lambda: positive("batch_size", self.batch_size))
        mistakes.of(lambda: _different("settings", [each.label for each in self.settings]))
        mistakes.of(lambda: _different("seeds", self.seeds))
        for seed in self.seeds:
            mistakes.of(partial(check_seed, seed))
        mistakes.of(lambda: _whole_batches(self))
        mistakes.settle()

    @property
    def size(self) -> int:
        """Samples of a range."""
        return -(-_RANGE // self.batch_size) * self.batch_size if self.range_size is None else self.range_size

    @property
    def words(self) -> str:
        """The study for people."""
        several = f"{len(self.settings)} settings" if len(self.settings) > 1 else self.settings[0].label
        seeds = ", ".join(map(str, self.seeds))
        return f"{several} of {self.source.words}, seed {seeds}, batch size {self.batch_size}, dguide {__version__}"

    @cached_property
    def digest(self) -> str:
        """The digest of all but the number of samples."""
        reference = self.reference.digest if isinstance(self.reference, Source) else self.reference
        given = [self.condition, reference, self.initial, self.fixed]
        numbers = [list(self.seeds), self.first_index, self.batch_size, self.size]
        settings = [each.written for each in self.settings]
        condition = digest_of_object("condition", given)
        return digest_of([self.source.digest, settings, numbers, condition, __version__])

    def ranges(self, setting: Setting, seed: int) -> tuple[Draw, ...]:
        """The tasks of one setting and seed, in order."""
        starts = range(self.first_index, self.first_index + self.count, self.size)
        return tuple(self._range(setting, seed, start) for start in starts)

    def _range(self, setting: Setting, seed: int, first: int) -> Draw:
        count = min(self.size, self.first_index + self.count - first)
        reference = self.reference if isinstance(self.reference, Source) else in_turn(self.reference, first, count)
        return Draw(
            self.source,
            setting,
            seed,
            first,
            count,
            self.batch_size,
            in_turn(self.condition, first, count),
            reference,
            in_turn(self.initial, first, count),
            in_turn(self.fixed, first, count),
        )

    def tasks(self) -> tuple[Draw, ...]:
        """All tasks: the first range of every setting and seed, then the second ones, and so on."""
        cells = [self.ranges(setting, seed) for setting in self.settings for seed in self.seeds]
        return tuple(task for tasks in zip(*cells, strict=True) for task in tasks)

    def check(self) -> None:
        """Checks the settings with the source and the conditions, before any sample is drawn.

        Raises:
            ValueError: For all that is wrong, at once.
        """
        mistakes = Mistakes()
        for setting in self.settings:
            mistakes.of(partial(self._try, setting))
        mistakes.settle()

    def _try(self, setting: Setting) -> None:
        source, first = self.source.here(), replace(self, count=1)
        setting.sampler.begin(prepare(**first.ranges(setting, self.seeds[0])[0].arguments(source)))


@dataclass(frozen=True, eq=False)
class Drawn:
    """The samples of one setting and seed.

    Attributes:
        tokens: [N, L], int16 or int32.
        condition: What they were told, with N rows.
        forced: [N], positions that had to leave in the last step.
        calls: Forward passes of one batch, the most that any batch took.
        seconds: Time of drawing, summed over the ranges.
    """

    tokens: Tensor
    condition: Condition
    forced: Tensor
    calls: Calls
    seconds: float


@dataclass(frozen=True, eq=False)
class Results(Mapping[tuple[Setting, int], Drawn]):
    """What a study has drawn, by setting and seed. Each is read from the store when it is asked for."""

    study: Study
    store: Store

    def __getitem__(self, cell: tuple[Setting, int]) -> Drawn:
        """All samples of a setting and seed. Raises `KeyError` if the study has no such cell, or misses some."""
        if cell not in set(self):
            raise KeyError(cell)
        return self._joined(self.study.ranges(*cell), cell)

    def ready(self, cell: tuple[Setting, int]) -> Drawn | None:
        """The samples of a cell that are there so far, from the first on without a gap; None if there are none."""
        tasks = self.study.ranges(*cell)
        there = next((number for number, task in enumerate(tasks) if self.store.read(task.key) is None), len(tasks))
        return self._joined(tasks[:there], cell) if there else None

    def _joined(self, tasks: tuple[Draw, ...], cell: tuple[Setting, int]) -> Drawn:
        count = sum(task.count for task in tasks)
        tokens = forced = None
        calls, seconds, done = Calls(), 0.0, 0
        for task in tasks:
            saved = self.store.read(task.key)
            if saved is None:
                raise KeyError(cell)
            some = {name: torch.from_numpy(saved.arrays[name]) for name in ("tokens", "forced")}
            if tokens is None or forced is None:
                tokens, forced = (each.new_empty(count, *each.shape[1:]) for each in some.values())
            rows = slice(done, done + task.count)
            tokens[rows], forced[rows] = some["tokens"], some["forced"]
            calls = Calls(*map(max, (calls.conditional, calls.reference), saved.about["calls"]))
            seconds, done = seconds + saved.about["seconds"], rows.stop
        assert tokens is not None
        assert forced is not None
        condition = in_turn(self.study.condition, self.study.first_index, count)
        return Drawn(tokens, condition, forced, calls, seconds)

    def __iter__(self) -> Iterator[tuple[Setting, int]]:
        return ((setting, seed) for setting in self.study.settings for seed in self.study.seeds)

    def __len__(self) -> int:
        return len(self.study.settings) * len(self.study.seeds)


def run(
    study: Study,
    store: Store,
    executor: Executor | None = None,
    progress: Callable[[int, int], object] | None = None,
    about: Mapping[str, JSON] | None = None,
) -> Results:
    """Draws what the store lacks of a study. After any death the same call goes on.

    Args:
        study: The study.
        store: Where the samples go; one study each.
        executor: Who does the work; by default this process.
        progress: Called with the number of ranges that are there, and of all.
        about: What else `study.json` in the store is to say.

    Raises:
        ValueError: If the study is wrong, before any sample is drawn; if the store is of another study or full.
        TaskFailed: If a range fails.

    >>> import dguide
    >>> from dguide.study import DenoiserSource, Study, grid, run
    >>> law = torch.tensor([[0.4, 0.1], [0.1, 0.4]])
    >>> problem = dguide.exact.Problem(dguide.Masked(2), law, torch.full((2, 2), 0.25))
    >>> source = DenoiserSource(problem.oracle(), problem.process, length=2, name="example")
    >>> settings = grid(weights=(0, 2), samplers=("first-hitting",))
    >>> study = Study(source, settings, seeds=(0,), count=300, condition=torch.zeros(1, dtype=torch.int64))
    >>> results = run(study, Store("memory://two-settings"))
    >>> {setting.label: tuple(drawn.tokens.shape) for (setting, seed), drawn in results.items()}
    {'normalized constant:0.0 first-hitting': (300, 2), 'normalized constant:2.0 first-hitting': (300, 2)}
    """
    study.check()
    store.claim(study.digest, {"words": study.words, **(about or {})})
    execute(study.tasks(), store, executor, progress)
    return Results(study, store)


def _different(what: str, values: object) -> None:
    listed = list(values)  # type: ignore[call-overload]
    if not listed or len(set(listed)) < len(listed):
        raise bad(what, listed, "at least one, each once")


def _whole_batches(study: Study) -> None:
    size = study.range_size
    if size is not None and (positive("range_size", size) % max(study.batch_size, 1) or size < 1):
        raise bad("range_size", size, f"a multiple of batch_size, {study.batch_size}")
