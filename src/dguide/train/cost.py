"""What a run will cost: how many steps fit into its minutes, or how long its steps take."""

from __future__ import annotations

from ..data import LOADERS, Dataset
from ..progress import duration
from .config import TrainConfig

__all__ = ["FEW", "halved", "told"]

FEW = 800
"""Steps below which a network has learnt little. One of the digits ends at 2.16, 2.03, 1.88 and 1.77 bits per token of
the validation part after 100, 200, 400 and 800 steps of 64 sequences, and at 1.59 after 13,000 of 32."""
_EVALUATED = 1 / 3
"""Time of a sequence in an evaluation, as a share of that in a step: without gradients. Measured: 0.26 to 0.33."""
_SMALLEST_BATCH = 8
_SMALLEST_SIDE = 8


def told(config: TrainConfig, dataset: Dataset, seconds: float, done: int, spent: float, last: float) -> list[str]:
    """Lines about the cost of a run; a second line only if so few steps fit that the network learns little.

    Args:
        config: Its settings.
        dataset: Its data.
        seconds: Time of one step.
        done: Completed steps.
        spent: Working time so far, in seconds.
        last: Seconds for the evaluations at the end.
    """
    validation = len(dataset.validation) / config.batch_size * _EVALUATED * seconds  # one pass
    each = seconds + validation * config.evaluate_passes / config.evaluate_every
    what = f"{seconds:.2g} s a step of {config.batch_size} sequences of {dataset.length:,} tokens"
    rounds = config.batch_size / len(dataset.train)
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
    lines = [
        f"{what}: about {fit:,} steps in {config.minutes:g} minutes, {_rounded(fit * rounds)} times through the data"
    ]
    if fit < FEW:
        lines.append(
            f"fewer than {FEW} steps teach a network little. {' '.join(_remedies(config, dataset, fit, each, last))}"
        )
    return lines


def _rounded(number: float) -> str:
    """A number with two digits or more."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _remedies(config: TrainConfig, dataset: Dataset, fit: int, each: float, last: float) -> list[str]:
    """What gives more steps, with numbers. The work of a step grows with the tokens of its batch, or faster."""
    remedies, less = [], halved(config.data, dataset)
    if less:
        size, tokens = less
        remedies.append(f"{size} has {tokens:,} tokens, and at least {fit * dataset.length // tokens:,} steps fit.")
    batch = max(_SMALLEST_BATCH, config.batch_size // 4)
    if batch < config.batch_size:
        remedies.append(f"--batch-size {batch}: about {fit * config.batch_size // batch:,} steps.")
    return [*remedies, f"--minutes {(FEW * each + last) / 60:.0f}: about {FEW} steps."]


def halved(name: str, dataset: Dataset) -> tuple[str, int] | None:
    """The option for images of half the side, as in `size=16`, and their tokens; None where nobody chooses the size.

    Args:
        name: The data set, as a person typed it.
        dataset: Its content.
    """
    if dataset.shape is None or min(dataset.shape) < 2 * _SMALLEST_SIDE:
        return None
    if "size" not in LOADERS.call(name, typed=True).options:
        return None
    rows, columns = (side // 2 for side in dataset.shape)
    return f"size={rows}" if rows == columns else f"size={rows}x{columns}", rows * columns
