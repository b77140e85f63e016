"""The training of a denoiser: its network, its loss, its bits per token, its checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import nn
from torch.optim import Optimizer

from .. import checkpoint
from ..data import Dataset, Split, load
from ..evaluate.levels import LEAST_PASSES, passes_for
from ..evaluate.likelihood import Likelihood, likelihood
from ..nn import DiffusionTransformer
from ..process import PROCESSES, Process
from .batch import Batch, Stream, check_shift, draw, generator
from .config import TrainConfig
from .cost import told
from .loop import Trained, run
from .objective import bits, drawn_by, reads_time
from .optimizers import optimizers
from .record import begin_with, described, record
from .task import Measured, Task

__all__ = ["Denoising", "build", "train"]

_BATCH = 256
"""Sequences in one call of an evaluation."""


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
    return run(config, partial(Denoising, config), on_step)


def build(config: TrainConfig, dataset: Dataset) -> tuple[Process, DiffusionTransformer]:
    """The process and the network with its initial weights, for a configuration."""
    check_shift(config, dataset)
    of_process = {"name": config.process, "vocab_size": dataset.vocab_size, "noise": config.noise}
    if config.prediction != "posterior":
        of_process["prediction"] = config.prediction
    process = PROCESSES.restore(of_process)
    model = DiffusionTransformer(
        dataset.vocab_size,
        dataset.sizes,
        dataset.length,
        input_size=process.input_size,
        shape=dataset.shape,
        # The token behind a mask does not depend on the time of masking. But in the uniform process the probability
        # that a token was replaced depends on the noise level.
        noise=None if process.prediction_free_rate else process.noise,
        prediction=process.prediction,
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        expansion=config.expansion,
        dropout=config.dropout,
        augmentations=(2 * config.shift + 1) ** 2,
        generator=generator(config.seed, Stream.WEIGHTS),
    )
    return process, model


class Denoising(Task[DiffusionTransformer, Batch]):
    """A denoiser of the tokens of a data set."""

    files = (checkpoint.CONFIG, checkpoint.WEIGHTS)

    def __init__(self, config: TrainConfig) -> None:
        self.config, self.dataset = config, load(config.data)
        self.process, self.model = build(config, self.dataset)
        described(self.process, self.dataset)  # raises now if they cannot be saved
        self.reads_time = reads_time(self.model)
        self.drawn = drawn_by(self.process, self.reads_time)
        self.digest, self.skipped = self.dataset.digest, len(self.dataset.skipped)
        self.passes = passes_for(len(self.dataset.test))

    def begin(self) -> None:
        if self.config.from_ is not None:
            begin_with(self.config.from_, self.model)

    def optimizers(self) -> list[Optimizer]:
        return optimizers(self.model, self.config)

    def draw(self, step: int) -> Batch:
        return draw(self.config, self.dataset, self.process, self.model.null, step, self.reads_time)

    def reseed(self, step: int, rank: int, device: torch.device) -> None:
        self.model.reseed(generator(self.config.seed, Stream.DROPOUT, step, rank, device))

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        return _loss(network, self.process, batch)

    def validate(self, model: DiffusionTransformer, device: torch.device) -> Measured:
        bits = self._bits(model, self.dataset.validation, self.config.evaluate_passes, device).bits
        return Measured(bits, f"{bits:.4f} bits", {"bits": bits})

    def save(self, model: DiffusionTransformer, step: int, measured: Measured) -> None:
        about = record(self.config, self.dataset, model, self.process, step, measured.figure)
        checkpoint.save(self.config.out, model, replace(about, data_digest=self.digest))

    def finish(self, device: torch.device) -> None:
        best = checkpoint.load(self.config.out, device)
        figure = self._bits(best.model, self.dataset.test, self.passes, device)
        about = replace(best.config, test_bits=figure.bits, test_error=figure.error)
        checkpoint.save(self.config.out, best.model, about)

    def follow(self) -> None:
        found = checkpoint.load(self.config.out)
        about = replace(found.config, data=self.config.data, command=self.config.command())
        checkpoint.save(self.config.out, found.model, about)

    def plan(self, model: DiffusionTransformer, device: torch.device, most: float) -> float:
        """Seconds for the evaluations at the end of the run, from the time of one batch.

        The last of them gets fewer noise levels, but at least `LEAST_PASSES`, if they would take longer than `most`
        seconds.
        """
        some, times = self.dataset.test.some(_BATCH, 0), []
        for _ in range(2):  # the first call also prepares
            began = time.monotonic()
            self._bits(model, some, 1, device)
            times.append(time.monotonic() - began)
        one = min(times) / len(some)
        before = one * len(self.dataset.validation) * self.config.evaluate_passes
        self.passes = min(self.passes, max(LEAST_PASSES, int((most - before) / (one * len(self.dataset.test)))))
        return before + one * len(self.dataset.test) * self.passes

    def told(self, seconds: float, done: int, spent: float, last: float) -> list[str]:
        return told(self.config, self.dataset, seconds, done, spent, last)

    def words(self, figure: float) -> str:
        return f"bits {figure:.4f}"

    @property
    def last(self) -> str:
        return f", with {self.passes} noise levels for each sequence"

    def _bits(self, model: DiffusionTransformer, split: Split, passes: int, device: torch.device) -> Likelihood:
        condition = self.dataset.condition(split)
        return likelihood(model, self.process, split.tokens, condition, passes=passes, batch_size=_BATCH, device=device)


def _loss(network: nn.Module, process: Process, batch: Batch) -> torch.Tensor:
    """The bits per token of a batch. A position where the reverse process cannot move has none, and needs no logits."""
    clean, noisy, time = batch.clean, batch.noisy, batch.time
    if process.always_movable:
        return bits(process, network(noisy, time, batch.condition, batch.augmentation), clean, noisy, time)
    rows = process.movable(noisy).flatten().nonzero().squeeze(1)
    logits = network(noisy, time, batch.condition, batch.augmentation, rows)
    parts = clean.flatten()[rows], noisy.flatten()[rows], time[rows // clean.shape[1]]
    return bits(process, logits, *parts, tokens=clean.numel())
