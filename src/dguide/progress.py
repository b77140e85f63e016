"""What is being done, how far it has come, and how long the rest will take.

In a terminal, where tqdm is installed, a bar shows it. Elsewhere there are plain lines, few enough for a log.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from .errors import bad

__all__ = ["Course", "Progress", "counted", "duration", "reporter"]

T = TypeVar("T")
_EVERY = 60.0
"""Seconds between the lines of a `Course` in a log."""


def duration(seconds: float) -> str:
    """A time in words, as in ``2 min 05 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def reporter(progress: Callable[[int, int], object] | None) -> Callable[[int, int], object]:
    """What is called with (done, all) after each piece of work; for None it does nothing.

    Raises `ValueError` for what cannot be called.
    """
    if progress is not None and not callable(progress):
        raise bad("progress", repr(progress), "a callable (done, all), or None")
    return progress or (lambda done, count: None)


def counted(items: Iterable[T], total: int, title: str) -> Iterable[T]:
    """The items; a bar counts them, and a log gets nothing."""
    bar = _bar(iterable=items, total=total, desc=title, leave=False)
    return items if bar is None else bar


class Course:
    """The share that is done of one long piece of work, with a note and the time left.

    Args:
        visible: Whether to show anything; only one of several processes should.
    """

    def __init__(self, visible: bool = True) -> None:
        form = "{percentage:5.1f}%{postfix} [{elapsed}, {remaining} left]"
        self._visible = visible
        self._bar = _bar(total=1.0, bar_format=form, mininterval=0.5, maxinterval=0.5) if visible else None
        self.start(0.0)

    def __enter__(self) -> Course:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def start(self, share: float) -> None:
        """Begins at `share`, which was done in an earlier sitting and says nothing about the speed of this one."""
        self._first, self._began = share, time.monotonic()
        self._shown = self._began
        if self._bar is not None:
            self._bar.initial = self._bar.n = share

    def show(self, share: float, note: str) -> None:
        """The share that is done now; in a log, a line a minute."""
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(share - self._bar.n)
            return
        now = time.monotonic()
        if self._visible and now - self._shown >= _EVERY and share > self._first:
            self._shown = now
            left = (now - self._began) * (1 - share) / (share - self._first)
            _line(f"{share:6.1%}, {note}, about {duration(left)} left")

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        elif self._visible:
            _line(text)


class Progress:
    """A number of tasks, one after the other.

    Args:
        tasks: Number of tasks.
        work: Work of all tasks whose length is not known beforehand, in any unit.
        seconds: Length of those whose length is known.
    """

    def __init__(self, tasks: int, work: float, seconds: float = 0.0) -> None:
        self.tasks = tasks
        self.work, self.seconds = work, seconds
        self._done, self._work, self._spent = 0, 0.0, 0.0
        self._began = time.perf_counter()
        self.log: dict[str, float] = {}

    def fits(self, work: float, limit: float) -> bool:
        """Whether one more task of `work` would leave room for those of known length within `limit` seconds in all."""
        return time.perf_counter() - self._began + work * self._pace + self.seconds <= limit

    def leave_out(self, tasks: int, work: float) -> None:
        """Takes tasks that will not be done off the list."""
        self.tasks -= tasks
        self.work -= work

    @property
    def _pace(self) -> float:
        """Seconds a unit of work so far."""
        return self._spent / self._work if self._work else 0.0

    @contextmanager
    def task(self, name: str, work: float = 0.0, seconds: float = 0.0, *, speaks: bool = False) -> Iterator[None]:
        """Does one task: `work` as counted in the whole, or of a length of `seconds` as counted in the whole.

        The task may print lines of its own if it `speaks`.
        """
        title = f"[{self._done + 1:{len(str(self.tasks))}d}/{self.tasks}] {name}"
        bar = _bar(total=self.tasks, initial=self._done, desc=title, leave=False)
        if bar is None:
            _line(f"{title} ...", end="\n" if speaks else "")
        began = time.perf_counter()
        try:
            yield
        finally:
            if bar is not None:
                bar.close()
        spent = time.perf_counter() - began
        self.log[name] = spent
        self._done += 1
        self.seconds -= seconds
        self._work += work
        self._spent += spent if work else 0.0
        left = self.seconds + (self.work - self._work) * self._pace
        rest = f", about {duration(left)} left" if self._done < self.tasks and left > 0 else ""
        _line(f"{title} ... {spent:.1f} s{rest}" if speaks or bar is not None else f" {spent:.1f} s{rest}")


def _bar(**options: Any) -> Any:
    """A bar of tqdm; None where nobody watches, or without tqdm."""
    if not sys.stderr.isatty():
        return None
    try:
        return importlib.import_module("tqdm").tqdm(**options)
    except ImportError:
        return None


def _line(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True, file=sys.stderr)
