"""What a run will cost: how many steps fit into its minutes, or how long its steps take."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..data import LOADERS, Dataset
from ..progress import duration
from .config import Settings, TrainConfig

__all__ = ["FEW", "Cost", "halved", "told"]

FEW = 800
"""Steps below which a network has learnt little. One of the digits ends at 2.16, 2.03, 1.88 and 1.77 bits per token of
the validation part after 100, 200, 400 and 800 steps of 64 sequences, and at 1.59 after 13,000 of 32."""
_EVALUATED = 1 / 3
"""Time of a sequence in an evaluation, as a share of that in a step: without gradients. Measured: 0.26 to 0.33."""
_SMALLEST_BATCH = 8
_SMALLEST_SIDE = 8


@dataclass(frozen=True)
class Cost:
    """What the steps and the evaluations of a run are.

    Args:
        config: Its settings.
        things: What a batch has, as in "sequences of 64 tokens".
        training: Number of them to learn from.
        judged: Number of them in an evaluation.
        few: Steps below which a network has learnt little.
        remedies: Words about what gives more steps than those that fit.
    """

    config: Settings
    things: str
    training: int
    judged: float
    few: int
    remedies: Callable[[int], list[str]]

    def told(self, seconds: float, done: int, spent: float, last: float) -> list[str]:
        """Lines about the cost of the run; a second line only if so few steps fit that the network learns little.

        Args:
            seconds: Time of one step.
            done: Completed steps.
            spent: Working time so far, in seconds.
            last: Seconds for the evaluations at the end.
        """
        config = self.config
        each = seconds + self.judged / config.batch_size * _EVALUATED * seconds / config.evaluate_every
        what = f"{seconds:.2g} s a step of {config.batch_size} {self.things}"
        rounds = config.batch_size / self.training
        if config.minutes is None:
            assert config.steps is not None
            left = config.steps - done
            if left <= 0:
                return []
            time = duration(left * each + last)
            steps = f"the other {left:,} of {config.steps:,} steps take about {time}"
            return [f"{what}: {steps}, {_rounded(config.steps * rounds)} times through the data"]
        whole = 60 * config.minutes
        fit = done + max(0, round((max(whole - last, whole / 2) - spent) / each))
        times = f"{_rounded(fit * rounds)} times through the data"
        lines = [f"{what}: about {fit:,} steps in {config.minutes:g} min, {times}"]
        if fit < self.few:
            remedies = [
                *self.remedies(fit),
                f"--minutes {self._enough(each, done, spent, last):,}: about {self.few} steps.",
            ]
            lines.append(f"fewer than {self.few} steps teach a network little. For more steps: {' '.join(remedies)}")
        return lines

    def _enough(self, each: float, done: int, spent: float, last: float) -> int:
        """Whole minutes of a run in which `few` steps fit, of which at most half is kept for the last evaluations."""
        working = (self.few - done) * each + spent
        return math.ceil((working + min(last, working)) / 60)


def told(config: TrainConfig, dataset: Dataset, seconds: float, done: int, spent: float, last: float) -> list[str]:
    """The lines for a denoiser (`Cost.told`), with its data."""
    things = f"sequences of {dataset.length:,} tokens"
    judged = len(dataset.validation) * config.evaluate_passes
    cost = Cost(config, things, len(dataset.train), judged, FEW, partial(_remedies, config, dataset))
    return cost.told(seconds, done, spent, last)


def _rounded(number: float) -> str:
    """A number with two digits or more."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _remedies(config: TrainConfig, dataset: Dataset, fit: int) -> list[str]:
    """What gives more steps, with numbers. The work of a step grows with the tokens of its batch, or faster."""
    remedies, less = [], halved(config.data, dataset)
    if less:
        size, tokens = less
        remedies.append(f"{size} has {tokens:,} tokens, and at least {fit * dataset.length // tokens:,} steps fit.")
    batch = max(_SMALLEST_BATCH, config.batch_size // 4)
    if batch < config.batch_size:
        remedies.append(f"A batch size of {batch}: about {fit * config.batch_size // batch:,} steps.")
    return remedies


def halved(name: str, dataset: Dataset) -> tuple[str, int] | None:
    """The option for images of half the side, as in `size=16`, and their tokens; None where nobody chooses the size.

    Args:
        name: The data set, as a person typed it.
        dataset: Its content.
    """
    if dataset.shape is None or min(dataset.shape) < 2 * _SMALLEST_SIDE or dataset.shape != dataset.codec.size:
        return None  # a tokenizer says the size of its pictures
    if "size" not in LOADERS.call(name, typed=True).options:
        return None
    rows, columns = (side // 2 for side in dataset.shape)
    return f"size={rows}" if rows == columns else f"size={rows}x{columns}", rows * columns
