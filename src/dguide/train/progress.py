"""One line that says how a run is doing, and one for each evaluation."""

from __future__ import annotations

import sys
from types import TracebackType

from ..errors import require
from .state import Journal

__all__ = ["Progress"]

FORMAT = "{percentage:5.1f}%{postfix} [{elapsed}, {remaining} left]"


class Progress:
    """Shows share done, loss, held-out bits per token and time left on standard error.

    Args:
        visible: Whether to show anything; only one of several processes should.
    """

    def __init__(self, visible: bool) -> None:
        # A file keeps every line that a terminal would overwrite, so it gets few of them.
        seconds = 0.5 if sys.stderr.isatty() else 60.0
        self.bar = require("tqdm", "train").tqdm(
            total=1.0, bar_format=FORMAT, disable=not visible, mininterval=seconds, maxinterval=seconds
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def start(self, fraction: float) -> None:
        """Begins at `fraction`, which was done in an earlier sitting and says nothing about the speed of this one."""
        self.bar.initial = self.bar.n = fraction

    def stepped(self, journal: Journal, fraction: float) -> None:
        """After a step."""
        best = journal.best
        held_out = f"{best.bits:.4f} at step {best.step}" if best else "not yet known"
        recent = journal.running[-50:]
        loss = sum(recent) / len(recent)
        self.bar.set_postfix_str(f"step {journal.step}: loss {loss:.3f}, best held-out bits {held_out}", refresh=False)
        self.bar.update(fraction - self.bar.n)

    def evaluated(self, journal: Journal) -> None:
        """After an evaluation."""
        last, best = journal.history[-1], journal.best
        mark = " (best)" if last is best else ""
        self.bar.write(
            f"step {last.step:6d}  {last.seconds:7.0f} s  loss {last.loss:.4f}  held-out {last.bits:.4f} bits{mark}",
            file=sys.stderr,
        )
