"""The training loop, for networks of any kind: what is trained is a `Task`."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..devices import best_device, in_float32, on_cpu
from ..errors import bad, require
from ..progress import Course
from .budget import Budget, budget, rate
from .config import Settings
from .ema import Average
from .interrupt import Interrupt
from .record import spare
from .state import STATE, Evaluation, read, write
from .task import Task

__all__ = ["MEASURED_ANEW", "Diverged", "Trained", "run"]

MEASURED_ANEW = "of the test part, which chose nothing; the lines during training are of the validation part"
"""Why the last evaluation differs from the best line before it."""
_TIMED = 2
"""Steps that are timed to say what the run will cost. The first one also prepares."""


class Diverged(FloatingPointError):
    """The error for a loss that is not finite."""


@dataclass(frozen=True)
class Trained:
    """The state of a run when `train` returns.

    Args:
        finished: Whether the run is complete. If not, another call of `train` resumes it.
        steps: Completed steps.
        best: The evaluation of the weights in the checkpoint; None before the first evaluation, and in all processes
            except the main one.
        history: All evaluations of the main process, oldest first.
        path: Directory of the checkpoint.
        main: Whether this is the main process, which writes the files.
    """

    finished: bool
    steps: int
    best: Evaluation | None
    history: tuple[Evaluation, ...]
    path: Path
    main: bool = True


@on_cpu
@in_float32
def run(config: Settings, build: Callable[[], Task[Any, Any]], on_step: Callable[[int], None] | None = None) -> Trained:
    """Trains what `build` makes, or resumes a stopped run in the same directory with the same settings.

    Args:
        config: The settings.
        build: Makes the network and loads the data; called once in each process, in the main one first.
        on_step: A function that is called after each step with the number of completed steps.

    Returns:
        The state of the run. What is promised of it is in `denoisers.train`.

    Raises:
        ValueError: If the directory holds a run with other settings or other data, or the batch does not divide among
            the processes.
        Diverged: A `FloatingPointError`, if the loss is not finite.
        dguide.errors.MissingExtra: If a package of the extra `train` is not installed.
    """
    return _Run(config, build).go(on_step)


class _Run:
    """A training run in one process."""

    def __init__(self, config: Settings, build: Callable[[], Task[Any, Any]]) -> None:
        self.began = time.monotonic()
        if config.tensorboard:
            require("tensorboard", "tensorboard")
        self.accelerator = require("accelerate", "train").Accelerator(
            mixed_precision="no",  # it keeps that of its first run in a process, so `_learn` sets the precision
            cpu=config.device == "cpu" or best_device().type == "cpu",  # it would also take one without float64
            log_with="tensorboard" if config.tensorboard else None,
            project_dir=config.out,
        )
        self.config, self.device, self.main = config, self.accelerator.device, self.accelerator.is_main_process
        self.parts = self._parts()
        with self.accelerator.main_process_first():  # it prepares the data for all processes
            self.task = build()
        self.model = self.task.model
        self.state = config.out / STATE
        spare(config.out, self.state, self.task.files)
        if not self.state.exists():
            self.task.begin()
        self.average = Average(self.model.to(self.device), config.ema)
        self.optimizers = self.task.optimizers()
        config.out.mkdir(parents=True, exist_ok=True)
        self.journal = read(
            self.state,
            config.recipe(),
            self.task.digest,
            self.task.drawn,
            self.model,
            self.average.model,
            self.optimizers,
        )
        self.moved = self.journal.settings["data"] != config.data
        self.journal.settings = config.recipe()
        self.earlier = self.journal.seconds
        self.network, *self.steppers = self.accelerator.prepare(self.model, *self.optimizers)

    def go(self, on_step: Callable[[int], None] | None) -> Trained:
        """Trains to the end, or until an interruption."""
        config, journal = self.config, self.journal
        with Interrupt() as interrupt, Course(self.main) as course:
            if self.moved and self.main:
                self._follow(course)
            if journal.finished:
                course.say(f"the run in {config.out} is finished, after {journal.step} steps; nothing is changed")
                return self._trained(True)
            if config.tensorboard:
                self.accelerator.init_trackers("tensorboard")
            last = (
                0.0 if config.minutes is None else self.task.plan(self.average.model, self.device, 30 * config.minutes)
            )
            length, times = budget(config, last), list[float]()
            fraction = self._share(length)
            course.start(fraction)
            if self.task.skipped:
                course.say(f"{self.task.skipped:,} left out of the data: dguide data {config.data} lists them")
            if journal.step == 0:
                self._save()  # marks the directory as that of this run
            while (fraction < 1 or journal.step == 0) and not self._agree(float(interrupt.requested)):
                began = time.monotonic()
                self._learn(fraction)
                fraction = self._share(length)
                times.append(time.monotonic() - began)
                if len(times) == _TIMED or (fraction >= 1 and not times[1:]):
                    for line in self.task.told(min(times), journal.step, journal.seconds, last):
                        course.say(line)
                course.show(fraction, self._now())
                if journal.step % config.evaluate_every == 0 or fraction >= 1:
                    self._judge(course)
                    fraction = self._share(length)
                if on_step is not None:
                    on_step(journal.step)
            finished = fraction >= 1 and journal.step > 0
            if finished and self.main:
                self._finish(course)
            elif not finished:
                self._save()
        self.accelerator.wait_for_everyone()
        for tracker in self.accelerator.trackers:
            tracker.finish()
        return self._trained(finished)

    def _follow(self, course: Course) -> None:
        """Writes into the checkpoint and the state where the data are now."""
        config = self.config
        if self.journal.history:
            self.task.follow()
        self._save()
        course.say(f"the data have moved: {config.out} names {config.data} from now on")

    def _trained(self, finished: bool) -> Trained:
        journal = self.journal
        return Trained(finished, journal.step, journal.best, tuple(journal.history), self.config.out, self.main)

    def _share(self, length: Budget) -> float:
        """The share of the run that is done; 1 also if the figure of the validation part has stopped falling."""
        journal, patience = self.journal, self.config.patience
        journal.seconds = self._seconds()
        if patience is not None and journal.since_best >= patience:
            return self._agree(1.0)
        return self._agree(length.fraction(journal.step, journal.seconds))

    def _seconds(self) -> float:
        """Working time of the run, from its start."""
        return self.earlier + time.monotonic() - self.began

    def _finish(self, course: Course) -> None:
        """Evaluates the best checkpoint on the test part, and stores the result."""
        journal = self.journal
        if not journal.history or journal.history[-1].step != journal.step:  # the time ran out in an interruption
            self._judge(course)
        course.say(f"last evaluation of the best weights so far{self.task.last}")
        course.show(1.0, "last evaluation")
        self.task.finish(self.device)
        journal.finished = True
        self._save()

    def _parts(self) -> list[slice]:
        """The sequences of a batch for this process, one slice for each part of the gradient accumulation."""
        processes = self.accelerator.num_processes
        stride = processes * self.config.accumulate
        if self.config.batch_size % stride:
            remedy = "It is divided among the processes, and each share into the parts of accumulate."
            raise bad("batch_size", self.config.batch_size, f"a multiple of {stride}", remedy)
        return [slice(first, None, stride) for first in range(self.accelerator.process_index, stride, processes)]

    def _learn(self, fraction: float) -> None:
        """One step of gradient descent. Writes the loss of the batch to the journal."""
        config, journal = self.config, self.journal
        batch = self.task.draw(journal.step)
        self.task.reseed(journal.step, self.accelerator.process_index, self.device)
        now = rate(config.rate, config.warmup, journal.step, fraction, config.decay)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = now * group.get("share", 1.0)
            optimizer.zero_grad()
        mean = torch.zeros((), device=self.device)
        for part in self.parts:
            # Processes exchange gradients once per step, after the last part.
            with contextlib.nullcontext() if part is self.parts[-1] else self.accelerator.no_sync(self.network):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                    loss = self.task.loss(self.network, batch.part(part).to(self.device)) / len(self.parts)
                self.accelerator.backward(loss)
            mean += loss.detach()
        self.accelerator.clip_grad_norm_(self.network.parameters(), config.clip)
        for stepper in self.steppers:
            stepper.step()
        self.average.update(self.model, journal.step)
        journal.running.append(float(self.accelerator.reduce(mean, "mean")))
        journal.step += 1
        if not math.isfinite(journal.running[-1]):
            remedy = f"Train anew in another directory, with a rate below {config.rate:g}."
            raise Diverged(f"training diverged: loss {journal.running[-1]} at step {journal.step}. {remedy}")
        self._log(loss=journal.running[-1], rate=now)

    def _judge(self, course: Course) -> None:
        """Evaluates the averaged weights, saves them if they are the best so far, and saves the state."""
        if not self.main:
            return
        journal, model = self.journal, self.average.model
        loss = sum(journal.running) / max(len(journal.running), 1)
        found = self.task.validate(model, self.device)
        journal.running.clear()
        journal.history.append(Evaluation(journal.step, journal.seconds, loss, found.figure))
        best = journal.best is journal.history[-1]
        if best:
            self.task.save(model, journal.step, found)
        seconds, journal.seconds = journal.seconds, self._seconds()
        self._save()
        mark = " (best)" if best else ""
        course.say(f"step {journal.step:6d}  {seconds:7.0f} s  loss {loss:.4f}  validation {found.words}{mark}")
        for line in self.task.warnings(found, journal.step):
            course.say(line)
        self._log(**{f"validation_{name}": value for name, value in found.values.items()})

    def _save(self) -> None:
        if self.main:
            write(self.state, self.journal, self.model, self.average.model, self.optimizers)

    def _log(self, **figures: float) -> None:
        if self.config.tensorboard:
            self.accelerator.log(figures, self.journal.step)

    def _agree(self, value: float) -> float:
        """The largest value of all processes. So all stop at the same step, although clocks and signals differ."""
        if self.accelerator.num_processes == 1:
            return value
        return float(self.accelerator.gather(torch.tensor([value], dtype=torch.float32, device=self.device)).max())

    def _now(self) -> str:
        """A line about the current step."""
        recent, best = self.journal.running[-50:], self.journal.best
        known = f"{self.task.words(best.figure)} at step {best.step}" if best else "not yet known"
        return f"step {self.journal.step}: loss {sum(recent) / len(recent):.3f}, best validation {known}"
