"""Tasks that cost nothing, and some that go wrong."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dguide.errors import bad
from dguide.study import Saved, Task, key_of


@dataclass(frozen=True)
class Square(Task):
    """Squares a number. Each run leaves a line in the file `log`, if there is one."""

    number: int
    log: Path | None = None
    sleep: float = 0.0

    @property
    def key(self):
        return key_of("square", str(self.number), self.number)

    def run(self):
        time.sleep(self.sleep)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{self.number} {os.getpid()}\n")
        return Saved({"square": np.array([self.number**2])}, {"seconds": self.sleep})


@dataclass(frozen=True)
class Wrong(Square):
    """Raises an error."""

    kind: str = "bug"

    def run(self):
        if self.kind == "input":
            raise bad("number", self.number, "another one")
        raise ZeroDivisionError("a bug")


@dataclass(frozen=True)
class Deadly(Square):
    """Kills its process until it has done so `times` times, by the lines of `log`."""

    times: int = 1

    def run(self):
        with self.log.open("a") as file:
            file.write("x\n")
        if len(self.log.read_text().splitlines()) <= self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run()
