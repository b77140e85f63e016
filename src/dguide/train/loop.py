"""The training loop."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from .. import checkpoint
from ..data import Dataset, Split, load
from ..devices import best_device, in_float32, on_cpu
from ..errors import bad, require
from ..evaluate.levels import LEAST_PASSES, passes_for
from ..evaluate.likelihood import Likelihood, likelihood
from ..nn import DiffusionTransformer
from ..process import PROCESSES, Process
from ..progress import Course
from .batch import Batch, Stream, draw, generator
from .budget import Budget, budget, rate
from .config import TrainConfig
from .cost import told
from .ema import Average
from .interrupt import Interrupt
from .objective import bits
from .optimizers import optimizers
from .record import begin_with, described, record, spare
from .state import STATE, Evaluation, Journal, read, write

__all__ = ["MEASURED_ANEW", "Diverged", "Trained", "build", "train"]

MEASURED_ANEW = "of the test part, which chose nothing; the lines during training are of the validation part"
"""Why the last evaluation differs from the best line before it."""
_TIMED = 2
"""Steps that are timed to say what the run will cost. The first one also prepares."""
_BATCH = 256
"""Sequences in one call of an evaluation."""


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


def build(config: TrainConfig, dataset: Dataset) -> tuple[Process, DiffusionTransformer]:
    """The process and the network with its initial weights, for a configuration."""
    process = PROCESSES.restore({"name": config.process, "vocab_size": dataset.vocab_size, "noise": config.noise})
    model = DiffusionTransformer(
        dataset.vocab_size,
        dataset.sizes,
        dataset.length,
        input_size=process.input_size,
        shape=dataset.shape,
        # The token behind a mask does not depend on the time of masking. But in the uniform process the probability
        # that a token was replaced depends on the noise level.
        noise=None if process.prediction_free_rate else process.noise,
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        expansion=config.expansion,
        dropout=config.dropout,
        augmentations=(2 * config.shift + 1) ** 2,
        generator=generator(config.seed, Stream.WEIGHTS),
    )
    return process, model


@on_cpu
@in_float32
def train(config: TrainConfig, on_step: Callable[[int], None] | None = None) -> Trained:
    """Trains a denoiser, or resumes a stopped run in the same directory with the same settings.

    `config.out` holds the averaged weights with the fewest bits per token of the validation part so far, as a
    checkpoint. At the end their bits are measured on the test part. After SIGINT or SIGTERM the current step is
    completed, the state is saved and the function returns. A killed run resumes from its last evaluation. In both cases
    a run with `steps` gives the same weights, on a CPU to the bit. A finished run is not changed. But it goes on with
    more `steps` if its rate does not depend on them (`decay` is "constant"), and its weights are then those of a run of
    that length.

    Args:
        config: The settings.
        on_step: A function that is called after each step with the number of completed steps.

    Returns:
        The state of the run.

    Raises:
        ValueError: If the directory holds a run with other settings or other data, the batch does not divide among the
            processes, or the checkpoint to begin with has another network.
        Diverged: A `FloatingPointError`, if the loss is not finite.
        dguide.errors.MissingExtra: If a package of the extra `train` is not installed.
    """
    return _Run(config).go(on_step)


class _Run:
    """A training run in one process."""

    def __init__(self, config: TrainConfig) -> None:
        self.began = time.monotonic()
        if config.tensorboard:
            require("tensorboard", "tensorboard")
        self.accelerator = require("accelerate", "train").Accelerator(
            mixed_precision=config.precision,
            cpu=config.device == "cpu" or best_device().type == "cpu",  # it would also take one without float64
            log_with="tensorboard" if config.tensorboard else None,
            project_dir=config.out,
        )
        self.config, self.device, self.main = config, self.accelerator.device, self.accelerator.is_main_process
        self.parts = self._parts()
        with self.accelerator.main_process_first():  # it prepares the data for all processes
            self.dataset = load(config.data)
        self.passes = passes_for(len(self.dataset.test))
        self.process, self.model = build(config, self.dataset)
        described(self.process, self.dataset)  # raises now if they cannot be saved
        self.digest = self.dataset.digest
        self.state = config.out / STATE
        spare(config.out, self.state)
        if config.from_ is not None and not self.state.exists():
            begin_with(config.from_, self.model)
        self.average = Average(self.model.to(self.device), config.ema)
        self.optimizers = optimizers(self.model, config)
        config.out.mkdir(parents=True, exist_ok=True)
        self.journal = read(self.state, config.recipe(), self.digest, self.model, self.average.model, self.optimizers)
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
            last = 0.0 if config.minutes is None else self._plan_last(30 * config.minutes)
            length, times = budget(config, last), list[float]()
            fraction = self._share(length)
            course.start(fraction)
            if self.dataset.skipped:
                count = f"{len(self.dataset.skipped):,}"
                course.say(f"{count} left out of the data: dguide data {config.data} lists them")
            if journal.step == 0:
                self._save()  # marks the directory as that of this run
            while (fraction < 1 or journal.step == 0) and not self._agree(float(interrupt.requested)):
                began = time.monotonic()
                self._learn(fraction)
                fraction = self._share(length)
                times.append(time.monotonic() - began)
                if len(times) == _TIMED or (fraction >= 1 and not times[1:]):
                    for line in told(config, self.dataset, min(times), journal.step, journal.seconds, last):
                        course.say(line)
                course.show(fraction, _now(journal))
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
            found = checkpoint.load(config.out)
            checkpoint.save(config.out, found.model, replace(found.config, data=config.data, command=config.command()))
        self._save()
        course.say(f"the data have moved: {config.out} names {config.data} from now on")

    def _trained(self, finished: bool) -> Trained:
        journal = self.journal
        return Trained(finished, journal.step, journal.best, tuple(journal.history), self.config.out, self.main)

    def _share(self, length: Budget) -> float:
        """The share of the run that is done; 1 also if the bits of the validation part have stopped falling."""
        journal, patience = self.journal, self.config.patience
        journal.seconds = self._seconds()
        if patience is not None and journal.since_best >= patience:
            return self._agree(1.0)
        return self._agree(length.fraction(journal.step, journal.seconds))

    def _seconds(self) -> float:
        """Working time of the run, from its start."""
        return self.earlier + time.monotonic() - self.began

    def _plan_last(self, most: float) -> float:
        """Seconds for the evaluations at the end of the run, from the time of one batch.

        The last of them gets fewer noise levels, but at least `LEAST_PASSES`, if they would take longer than `most`
        seconds.
        """
        some, times = self.dataset.test.some(_BATCH, 0), []
        for _ in range(2):  # the first call also prepares
            began = time.monotonic()
            self._bits(self.average.model, some, 1)
            times.append(time.monotonic() - began)
        one = min(times) / len(some)
        before = one * len(self.dataset.validation) * self.config.evaluate_passes
        self.passes = min(self.passes, max(LEAST_PASSES, int((most - before) / (one * len(self.dataset.test)))))
        return before + one * len(self.dataset.test) * self.passes

    def _finish(self, course: Course) -> None:
        """Evaluates the best checkpoint on the test part, and stores the result."""
        journal, out, passes = self.journal, self.config.out, self.passes
        if not journal.history or journal.history[-1].step != journal.step:  # the time ran out in an interruption
            self._judge(course)
        course.say(f"last evaluation of the best weights so far, with {passes} noise levels for each sequence")
        course.show(1.0, "last evaluation")
        best = checkpoint.load(out, self.device)
        figure = self._bits(best.model, self.dataset.test, passes)
        about = replace(best.config, test_bits=figure.bits, test_error=figure.error)
        checkpoint.save(out, best.model, about)
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
        """One step of gradient descent. Writes the loss of the batch, in bits per token, to the journal."""
        config, journal = self.config, self.journal
        batch = draw(config, self.dataset, self.process, self.model.null, journal.step)
        rank = self.accelerator.process_index
        self.model.reseed(generator(config.seed, Stream.DROPOUT, journal.step, rank, self.device))
        now = rate(config.rate, config.warmup, journal.step, fraction, config.decay)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = now
            optimizer.zero_grad()
        mean = torch.zeros((), device=self.device)
        for part in self.parts:
            # Processes exchange gradients once per step, after the last part.
            with contextlib.nullcontext() if part is self.parts[-1] else self.accelerator.no_sync(self.network):
                with self.accelerator.autocast():
                    loss = _loss(self.network, self.process, batch.part(part).to(self.device)) / len(self.parts)
                self.accelerator.backward(loss)
            mean += loss.detach()
        self.accelerator.clip_grad_norm_(self.network.parameters(), config.clip)
        for stepper in self.steppers:
            stepper.step()
        self.average.update(self.model, journal.step)
        journal.running.append(float(self.accelerator.reduce(mean, "mean")))
        journal.step += 1
        if not math.isfinite(journal.running[-1]):
            remedy = "Lower rate or clip; the last evaluation is what resumes."
            raise Diverged(f"training diverged: loss {journal.running[-1]} at step {journal.step}. {remedy}")
        self._log(loss=journal.running[-1], rate=now)

    def _judge(self, course: Course) -> None:
        """Evaluates the averaged weights, saves them if they are the best so far, and saves the state."""
        if not self.main:
            return
        config, journal, model = self.config, self.journal, self.average.model
        loss = sum(journal.running) / max(len(journal.running), 1)
        figure = self._bits(model, self.dataset.validation, config.evaluate_passes)
        journal.running.clear()
        journal.history.append(Evaluation(journal.step, journal.seconds, loss, figure.bits))
        if journal.best is journal.history[-1]:
            about = record(config, self.dataset, model, self.process, journal.step, figure)
            checkpoint.save(config.out, model, replace(about, data_digest=self.digest))
        journal.seconds = self._seconds()
        self._save()
        course.say(_evaluated(journal))
        self._log(validation_bits=figure.bits)

    def _bits(self, model: DiffusionTransformer, split: Split, passes: int) -> Likelihood:
        condition = self.dataset.condition(split)
        return likelihood(
            model, self.process, split.tokens, condition, passes=passes, batch_size=_BATCH, device=self.device
        )

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


def _now(journal: Journal) -> str:
    """A line about the current step."""
    recent, best = journal.running[-50:], journal.best
    known = f"{best.bits:.4f} at step {best.step}" if best else "not yet known"
    return f"step {journal.step}: loss {sum(recent) / len(recent):.3f}, best validation bits {known}"


def _evaluated(journal: Journal) -> str:
    """A line about the last evaluation."""
    last = journal.history[-1]
    mark = " (best)" if last is journal.best else ""
    return f"step {last.step:6d}  {last.seconds:7.0f} s  loss {last.loss:.4f}  validation {last.bits:.4f} bits{mark}"


def _loss(network: nn.Module, process: Process, batch: Batch) -> torch.Tensor:
    logits = network(batch.noisy, batch.time, batch.condition, batch.augmentation)
    return bits(process, logits, batch.clean, batch.noisy, batch.time)
