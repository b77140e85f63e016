r"""The training loop.

The loss is the negative evidence lower bound: with noise levels $m \sim U(0, 1)$ and $t = \mathrm{time}(m)$,

$$\frac{1}{L \ln 2}\, E_m \sum_i \mathrm{elbo}_i(x_0, x_t, t) \quad \text{bits per token.}$$
"""

from __future__ import annotations

import importlib.metadata
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import checkpoint
from ..data import Dataset, describe_attribute, describe_codec, load
from ..errors import bad, require
from ..evaluate.likelihood import Likelihood, likelihood
from ..nn import DiffusionTransformer
from ..process import Process
from .batch import Batch, Stream, draw, generator
from .budget import budget, rate
from .config import TrainConfig
from .ema import Average
from .interrupt import Interrupt
from .progress import Progress
from .state import STATE, Evaluation, read, write

__all__ = ["FINAL_PASSES", "Trained", "build", "train"]

FINAL_PASSES = 64
"""Noise levels per held-out sequence behind the figure that a finished checkpoint carries."""


@dataclass(frozen=True)
class Trained:
    """Where a run stands.

    Args:
        finished: Whether it came to its end; if not, calling `train` again resumes it.
        steps: Steps done.
        best: The evaluation whose averaged weights are in the checkpoint; None if there was none yet, and in all but
            the main one of several processes.
        history: All evaluations of the main process, oldest first.
        path: Directory of the checkpoint.
    """

    finished: bool
    steps: int
    best: Evaluation | None
    history: tuple[Evaluation, ...]
    path: Path


def build(config: TrainConfig, dataset: Dataset) -> tuple[Process, DiffusionTransformer]:
    """The process and the network, with its first weights, that a configuration asks for."""
    process = checkpoint.restore({"name": config.process, "vocab_size": dataset.vocab_size, "noise": config.noise})
    model = DiffusionTransformer(
        dataset.vocab_size,
        dataset.sizes,
        dataset.length,
        input_size=process.input_size,
        shape=dataset.shape,
        # What a mask hides does not depend on when it was hidden, but how far to trust a token that may have been
        # replaced depends on the noise level.
        noise=None if process.content_free else process.noise,
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        expansion=config.expansion,
        dropout=config.dropout,
        augmentations=(2 * config.shift + 1) ** 2,
        generator=generator(config.seed, Stream.WEIGHTS),
    )
    return process, model


def train(config: TrainConfig, on_step: Callable[[int], None] | None = None) -> Trained:
    """Trains a denoiser, or goes on with a run that was stopped in the same directory with the same settings.

    The averaged weights with the fewest held-out bits per token so far are in `config.out` as a checkpoint (as the
    held-out split chooses among the evaluations, its figure is slightly optimistic). SIGINT and SIGTERM save the state
    after the step in progress and return; a run that is killed outright resumes from its last evaluation. Either way
    the weights of a run with `steps` end up the same, on a CPU to the bit.

    Args:
        config: The settings.
        on_step: Called with the number of steps done after each of them.

    Returns:
        Where the run stands.

    Raises:
        ValueError: If the directory holds a run with other settings, or the batch does not divide among the processes.
        FloatingPointError: If the loss is no longer finite.
        dguide.errors.MissingExtra: If a package of the extra `train` is not installed.
    """
    accelerator = require("accelerate", "train").Accelerator(
        mixed_precision=config.precision, cpu=config.device == "cpu"
    )
    main, device = accelerator.is_main_process, accelerator.device
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    if config.batch_size % accelerator.num_processes:
        expected = f"a multiple of {accelerator.num_processes}"
        raise bad("batch_size", config.batch_size, expected, "It is divided among the processes.")
    dataset = load(config.data)
    process, model = build(config, dataset)
    average = Average(model.to(device), config.ema)
    optimizer = torch.optim.AdamW(_groups(model, config.weight_decay), lr=config.rate, betas=(0.9, 0.99))
    config.out.mkdir(parents=True, exist_ok=True)
    state = config.out / STATE
    _spare(config.out, state)
    journal = read(state, config.recipe(), model, average.model, optimizer)
    network, stepper = accelerator.prepare(model, optimizer)
    length = budget(config)

    def save() -> None:
        if main:
            write(state, journal, model, average.model, optimizer)

    def judge() -> None:
        """Evaluates the averaged weights, keeps them if they are the best so far, and saves the state."""
        if main:
            loss = sum(journal.running) / max(len(journal.running), 1)
            figure = _held_out(average.model, process, dataset, config.evaluate_passes, device)
            journal.running.clear()
            journal.history.append(Evaluation(journal.step, journal.seconds, loss, figure.bits))
            if journal.best is journal.history[-1]:
                record = _record(config, dataset, average.model, process, journal.step, figure)
                checkpoint.save(config.out, average.model, record)
            save()
            progress.evaluated(journal)

    def step(fraction: float) -> float:
        """One step of gradient descent; the loss of the batch in bits per token."""
        batch = draw(config, dataset, process, model.null, journal.step).part(mine).to(device)
        model.reseed(generator(config.seed, Stream.DROPOUT, journal.step, accelerator.process_index, device))
        for group in optimizer.param_groups:
            group["lr"] = rate(config.rate, config.warmup, journal.step, fraction)
        with accelerator.autocast():
            loss = _loss(network, process, batch)
        stepper.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(network.parameters(), config.clip)
        stepper.step()
        average.update(model, journal.step)
        mean = loss.detach() if accelerator.num_processes == 1 else accelerator.reduce(loss.detach(), "mean")
        return float(mean)

    with Interrupt() as interrupt, Progress(main) as progress:
        fraction = _agree(accelerator, length.fraction(journal.step, journal.seconds))
        progress.start(fraction)
        if journal.step == 0:
            save()  # from now on the directory is known as this run's
        began = time.monotonic() - journal.seconds
        while fraction < 1 and not _agree(accelerator, float(interrupt.requested)):
            journal.running.append(step(fraction))
            if not math.isfinite(journal.running[-1]):
                remedy = "Lower rate or clip; the last evaluation is what resumes."
                raise FloatingPointError(
                    f"training diverged: loss {journal.running[-1]} at step {journal.step + 1}. {remedy}"
                )
            journal.step += 1
            journal.seconds = time.monotonic() - began
            fraction = _agree(accelerator, length.fraction(journal.step, journal.seconds))
            progress.stepped(journal, fraction)
            if journal.step % config.evaluate_every == 0 or fraction >= 1:
                judge()
            if on_step is not None:
                on_step(journal.step)
        if fraction < 1:
            save()
        elif main:
            _finish(config.out, dataset, device)
    accelerator.wait_for_everyone()
    return Trained(fraction >= 1, journal.step, journal.best, tuple(journal.history), config.out)


def _spare(path: Path, state: Path) -> None:
    """Refuse a directory with a checkpoint that no run here can resume: the first evaluation would replace it."""
    if state.exists():
        return
    for name in (checkpoint.CONFIG, checkpoint.WEIGHTS):
        if (path / name).exists():
            expected = f"a new one, or one with the {STATE} of a run to resume"
            raise bad(f"directory {path}", f"a finished checkpoint ({name})", expected, "Choose another directory.")


def _groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Parameters with their weight decay: matrices decay, biases do not."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def _loss(network: nn.Module, process: Process, batch: Batch) -> torch.Tensor:
    log_p = process.log_probs(network(batch.noisy, batch.time, batch.condition, batch.augmentation))
    return process.elbo(log_p, batch.clean, batch.noisy, batch.time).mean() / math.log(2)


def _agree(accelerator: Any, value: float) -> float:
    """The largest value of all processes, so that they stop at the same step although clocks and signals differ."""
    if accelerator.num_processes == 1:
        return value
    gathered = accelerator.gather(torch.tensor([value], dtype=torch.float32, device=accelerator.device))
    return float(gathered.max())


def _held_out(
    model: DiffusionTransformer, process: Process, dataset: Dataset, passes: int, device: torch.device
) -> Likelihood:
    split = dataset.held_out
    told = dataset.condition(split)
    return likelihood(model, process, split.tokens, told, passes=passes, device=device)


def _record(
    config: TrainConfig, dataset: Dataset, model: DiffusionTransformer, process: Process, step: int, figure: Likelihood
) -> checkpoint.Config:
    try:
        version = importlib.metadata.version("dguide")
    except importlib.metadata.PackageNotFoundError:  # a source tree on the path
        version = "unknown"
    return checkpoint.Config(
        network=model.hyperparameters,
        process=checkpoint.describe(process),
        data=config.data,
        codec=describe_codec(dataset.codec),
        conditions=[describe_attribute(each) for each in dataset.conditions],
        synthetic=dataset.synthetic,
        command=config.command(),
        seed=config.seed,
        steps=step,
        held_out_bits=figure.bits,
        held_out_error=figure.error,
        version=version,
    )


def _finish(path: Path, dataset: Dataset, device: torch.device) -> None:
    """Replaces the quick figure of the best checkpoint by one with many noise levels."""
    best = checkpoint.load(path, device)
    figure = _held_out(best.model, best.process, dataset, FINAL_PASSES, device)
    record = replace(best.config, held_out_bits=figure.bits, held_out_error=figure.error)
    checkpoint.save(path, best.model, record)
