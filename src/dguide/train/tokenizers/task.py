"""The training of a tokenizer: its network, its loss, its figures, its folder."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ... import tokenizers
from ...data import pictures
from ...data.pictures import Pictures
from ...tokenizers import About, Autoencoder, LearntTokenizer
from ...tokenizers.fsq import levels_of
from ...tokenizers.learnt import CONFIG, WEIGHTS, load
from ..batch import Stream, generator, rows_of
from ..cost import Cost
from ..loop import Trained, run
from ..optimizers import divided
from ..record import version
from ..task import Measured, Task
from .config import RATES, TokenizerConfig
from .figures import figures, words
from .objective import Loss

__all__ = ["Images", "Tokenizing", "train_tokenizer"]

FEW = 500
"""Steps below which a tokenizer has learnt little. One of photographs of solar cells, 128 x 128 at factor 8, ends at a
PSNR of 18, 22 and 34 dB after 73, 116 and 668 steps of 16 pictures."""
_SMALLEST = 16
"""The smallest side of the matrix of a convolution that Muon takes."""
_FEW_CODES = 0.05
"""A smaller share of used codes is told. Tokenizers that learnt use 0.2 and more of 512."""
_TIMED = 64
"""Pictures that are evaluated to say how long evaluations will take."""


def train_tokenizer(config: TokenizerConfig, on_step: Callable[[int], None] | None = None) -> Trained:
    """Trains a tokenizer of images, or resumes a stopped run in the same directory with the same settings.

    `config.out` holds the averaged weights with the highest PSNR of the validation part so far, for
    `dguide.tokenizers.load`. At the end their figures are measured on the test part. Everything else is as in
    `dguide.train.train`.

    Args:
        config: The settings.
        on_step: A function that is called after each step with the number of completed steps.

    Returns:
        The state of the run. The figure of an evaluation is minus the PSNR.

    Raises:
        ValueError: If the data are no images, their size is no multiple of the factor, or as of `dguide.train.train`.
        Diverged: A `FloatingPointError`, if the loss is not finite.
        dguide.errors.MissingExtra: If a package of the extra `train` is not installed.
    """
    return run(config, partial(Tokenizing, config), on_step)


@dataclass(frozen=True)
class Images:
    """Pictures of one step, [B, H, W, C] uint8."""

    pictures: Tensor

    def part(self, rows: slice) -> Images:
        """The pictures at `rows`."""
        return Images(self.pictures[rows])

    def to(self, device: torch.device) -> Images:
        """The batch, moved to a device."""
        return Images(self.pictures.to(device))


class Tokenizing(Task[Autoencoder, Images]):
    """A tokenizer of the pictures of a data set."""

    files = (CONFIG, WEIGHTS)

    def __init__(self, config: TokenizerConfig) -> None:
        self.config, self.source = config, pictures(config.data)
        self.digest, self.skipped = self.source.digest, len(self.source.skipped)
        weights = generator(config.seed, Stream.WEIGHTS)
        levels = levels_of(config.codes)
        network = Autoencoder(self.source.channels, levels, config.factor, config.width, weights)
        network.scale(*moments(self.source.train))
        self._tokenizer(copy.deepcopy(network))  # raises now if the sizes do not fit
        self.model = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on all devices
        self.objective = Loss(config.worst if config.loss == "worst" else None)

    def optimizers(self) -> list[Optimizer]:
        _, *others = (each.weight for each in self.model.modules() if isinstance(each, nn.Conv2d))
        large = [w for w in others if min(w.flatten(1).shape) >= _SMALLEST]
        # A larger rate of AdamW drives the latent into the flat ends of tanh, where few codes are left.
        return divided(self.model, self.config, large, "original", RATES["adamw"] / RATES["muon"])

    def draw(self, step: int) -> Images:
        config, size = self.config, self.config.batch_size
        images = self.source.train.batch(rows_of(config.seed, step * size, size, len(self.source.train)))
        if config.flips:
            chance = torch.rand(2, size, generator=generator(config.seed, Stream.STEP, step))
            for axis, each in zip((1, 2), chance, strict=True):
                images = torch.where((each < 0.5).view(-1, 1, 1, 1), images.flip(axis), images)
        return Images(images)

    def loss(self, network: nn.Module, batch: Images) -> Tensor:
        images = batch.pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
        return self.objective(network(images), images)

    def validate(self, model: Autoencoder, device: torch.device) -> Measured:
        found = figures(self._tokenizer(model), self.source.validation)
        return Measured(-found["psnr"], words(found, self.config.codes), found)

    def save(self, model: Autoencoder, step: int, measured: Measured) -> None:
        config, source = self.config, self.source
        about = About(
            data=config.data,
            data_digest=source.digest,
            synthetic=source.synthetic,
            command=config.command(),
            seed=config.seed,
            steps=step,
            validation=dict(measured.values),
            test=None,
            version=version(),
        )
        tokenizers.save(config.out, self._tokenizer(model, about))

    def finish(self, device: torch.device) -> None:
        best = load(self.config.out, device)
        about = replace(best.about, test=figures(best, self.source.test))
        tokenizers.save(self.config.out, self._tokenizer(best.network, about))

    def follow(self) -> None:
        best = load(self.config.out)
        about = replace(best.about, data=self.config.data, command=self.config.command())
        tokenizers.save(self.config.out, self._tokenizer(best.network, about))

    def plan(self, model: Autoencoder, device: torch.device, most: float) -> float:
        """Seconds for the evaluations at the end of the run, from the time of one batch."""
        some, times = self.source.test.take(torch.arange(min(_TIMED, len(self.source.test)))), []
        for _ in range(2):  # the first call also prepares
            began = time.monotonic()
            figures(self._tokenizer(model), some)
            times.append(time.monotonic() - began)
        return min(times) / len(some) * (len(self.source.validation) + len(self.source.test))

    def told(self, seconds: float, done: int, spent: float, last: float) -> list[str]:
        source = self.source
        things = f"pictures of {source.height} x {source.width}"
        cost = Cost(self.config, things, len(source.train), len(source.validation), FEW, lambda fit: [])
        return cost.told(seconds, done, spent, last)

    def words(self, figure: float) -> str:
        return f"PSNR {-figure:.2f} dB"

    def warnings(self, measured: Measured, step: int) -> list[str]:
        """A line if few codes are used after the warm-up, of those that the tokens could be."""
        config, used, judged = self.config, measured.values["codes_used"], self.source.validation
        tokens = len(judged) * (judged.height // config.factor) * (judged.width // config.factor)
        if step < config.warmup or used >= _FEW_CODES * min(config.codes, tokens):
            return []
        remedy = f"Train anew in another directory, with a rate below {config.rate:g} or a longer warmup."
        return [f"few codes are used, {used:.0f} of {config.codes}: pictures lose their details. {remedy}"]

    def _tokenizer(self, model: Autoencoder, about: About | None = None) -> LearntTokenizer:
        return LearntTokenizer(model, self.source.height, self.source.width, about)


def moments(images: Pictures) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the pixels of each channel, in [-1, 1], [C] each."""
    count, (total, squares) = 0, torch.zeros(2, images.channels, dtype=torch.int64)
    for chunk in images.chunks():
        values = torch.from_numpy(chunk).flatten(0, 2).long()
        count, total, squares = count + len(values), total + values.sum(0), squares + values.square().sum(0)
    mean = total.double() / count
    deviation = (squares.double() / count - mean.square()).clamp_min(1).sqrt()
    return (mean / 127.5 - 1).float(), (deviation / 127.5).float()
