"""Does the tasks whose results are missing, and keeps each result as soon as it is known."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

from ..progress import reporter
from .executors import Executor, Here
from .store import Store
from .task import Task, TaskFailed

__all__ = ["execute"]


def execute(
    tasks: Iterable[Task],
    store: Store,
    executor: Executor | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> None:
    """Does the tasks whose results the store lacks. After any death the same call goes on.

    Tasks are started nearly in their order. Several callers may share a store, without locks: each looks before it
    starts a task. One that sees results of another goes on at another place, so that few tasks are done twice. Their
    results are the same.

    Args:
        tasks: The tasks. Two of one key are one.
        store: Where the results go.
        executor: Who does the work; by default this process (`Here`).
        progress: Called with the number of results that are there, and of all tasks.

    Raises:
        TaskFailed: If a task fails. Those that run are ended with their results kept, and no further ones are started.
        ValueError: If the input of a task is wrong, or there is no space for a result.
    """
    report, every = reporter(progress), {task.key: task for task in tasks}
    missing = [task for key, task in every.items() if store.read(key) is None]
    done, count = len(every) - len(missing), len(every)
    report(done, count)
    waiting, failed = _Waiting(missing, store), None
    with closing((executor or Here()).outcomes(iter(waiting))) as outcomes:
        for task, outcome in outcomes:
            if isinstance(outcome, Exception):
                failed = failed or TaskFailed.of(task, outcome)
                waiting.stop()
                continue
            if waiting.is_done(task):
                waiting.elsewhere()
            else:
                store.write(task.key, outcome)
            done += 1
            report(done + waiting.found, count)
    if failed is not None:
        raise failed
    if waiting.ends_with_found:
        report(count, count)


_NEAR = 4
"""One of so many next tasks is taken, at random. Two callers that keep the same pace would do every task twice if both
took the first: the disk ends the writing of both at one moment, so neither sees the result of the other in time."""


class _Waiting:
    """The tasks that nobody has done yet, nearly in order; elsewhere once somebody else turns out to work too."""

    def __init__(self, tasks: list[Task], store: Store) -> None:
        self._tasks, self._store, self._place = tasks, store, 0
        self._damaged = {task.key for task in tasks if store.holds(task.key)}
        self.found = 0
        """Tasks that somebody else has done."""
        self.ends_with_found = False
        """Whether the last one was such a task."""

    def __iter__(self) -> Iterator[Task]:
        while self._tasks:
            near = min(_NEAR, len(self._tasks))
            task = self._tasks.pop((self._place + secrets.randbelow(near)) % len(self._tasks))
            if self.is_done(task):
                self.found += 1
                self.ends_with_found = True
                self.elsewhere()
            else:
                self.ends_with_found = False
                yield task

    def is_done(self, task: Task) -> bool:
        """Whether somebody else has done the task since."""
        return task.key not in self._damaged and self._store.holds(task.key)

    def elsewhere(self) -> None:
        """Goes on at any other place."""
        self._place = secrets.randbelow(max(len(self._tasks), 1))

    def stop(self) -> None:
        """Leaves out the rest."""
        self._tasks.clear()
