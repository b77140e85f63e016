"""What is being done, and how long the rest will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Progress", "duration"]


class Progress:
    """One line on standard error for each of a number of tasks.

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
    def task(self, name: str, work: float = 0.0, seconds: float = 0.0) -> Iterator[None]:
        """Does one task: `work` as counted in the whole, or of a length of `seconds` as counted in the whole."""
        self._done += 1
        width = len(str(self.tasks))
        print(f"[{self._done:{width}d}/{self.tasks}] {name} ...", end="", flush=True, file=sys.stderr)
        began = time.perf_counter()
        yield
        spent = time.perf_counter() - began
        self.log[name] = spent
        self.seconds -= seconds
        self._work += work
        self._spent += spent if work else 0.0
        left = self.seconds + (self.work - self._work) * self._pace
        rest = f", about {duration(left)} left" if self._done < self.tasks and left > 0 else ""
        print(f" {spent:.1f} s{rest}", flush=True, file=sys.stderr)


def duration(seconds: float) -> str:
    """A time in words, as in ``2 min 05 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
