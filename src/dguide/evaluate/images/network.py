"""A small network that learns the classes of real images: a classifier, and features to compare images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...data import Dataset, Pixels, random_offsets, shift
from ...errors import bad
from ..points.base import Points
from ..points.feature_sets import Features, image_codec
from ..statistics.proportion import Proportion, proportion

__all__ = ["ConvNet", "LearntFeatures"]

_WIDTH = 64
_BATCH = 64
_RATE = 2e-3
_CHUNK = 512


class ConvNet(nn.Module):
    """Two convolutions with pooling, a layer of 64 features, and a linear classifier.

    Args:
        codec: The codec of the images. The input is the brightness for greys, else one channel for each colour.
        n_classes: Number of classes K.
        generator: Generator of the initial weights.
    """

    def __init__(self, codec: Pixels, n_classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self.codec = codec
        with torch.random.fork_rng(devices=[]):  # layers draw weights in their constructor; all are drawn again below
            self.body = nn.Sequential(
                nn.Conv2d(1 if codec.is_grey else codec.vocab_size, 24, 3, padding=1),
                nn.GELU(),
                nn.MaxPool2d(2, ceil_mode=True),
                nn.Conv2d(24, 48, 3, padding=1),
                nn.GELU(),
                nn.AdaptiveMaxPool2d(4),
                nn.Flatten(),
                nn.Linear(48 * 16, _WIDTH),
                nn.GELU(),
            )
            self.head = nn.Linear(_WIDTH, n_classes)
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.dim() == 1:
                    parameter.zero_()
                else:
                    parameter.normal_(0, (2 / parameter[0].numel()) ** 0.5, generator=generator)

    def features(self, tokens: Tensor) -> Tensor:
        """Output of the second to last layer for images [N, L], [N, 64]."""
        if self.codec.is_grey:
            images = self.codec.picture(tokens).unsqueeze(1) - 0.5
        else:
            grid = tokens.reshape(-1, *self.codec.shape)
            images = F.one_hot(grid, self.codec.vocab_size).permute(0, 3, 1, 2).float()
        features: Tensor = self.body(images)
        return features

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the classes, [N, K]."""
        logits: Tensor = self.head(self.features(tokens))
        return logits


@dataclass(frozen=True, eq=False)
class LearntFeatures(Features):
    r"""Features from the second to last layer of a small network that is trained to classify the real training images.

    The features are shifted, and all scaled by one number. On the training images their mean is then zero, and the sum
    of their variances is their number, 64. So a Fréchet distance of 64 is about that of the data to a single point.

    The network fits its training images better than other images. This affects real held-out images and new images of a
    model in the same way, but not copies of training images.

    Args:
        network: The network.
        centre: Mean of its features on the training images, [64].
        scale: Root of the mean of their variances; 1 if all features are constant.
        held_out: Its accuracy on held-out real images: the best value to expect for generated images.
        seed: Seed of its training.
    """

    network: ConvNet
    centre: Points
    scale: float
    held_out: Proportion
    seed: int
    width: ClassVar[int] = _WIDTH

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the features."""
        return f"learnt features, seed {self.seed}"

    @classmethod
    def fit(cls, dataset: Dataset, *, seen: int = 40_000, seed: int = 0) -> LearntFeatures:
        """Trains on the training split, and tests on the held-out split.

        Uses Adam with decoupled weight decay and a cosine learning rate, on images with random shifts of up to a pixel.

        Args:
            dataset: Labelled images.
            seen: Number of training images, with repetitions.
            seed: Seed of the initial weights and the order of the images.

        Raises:
            ValueError: If the data set has no images, or fewer than two classes.
        """
        codec, split = image_codec(dataset), dataset.train
        if dataset.n_classes < 2:
            raise bad("classes", dataset.n_classes, "at least two", "Take a data set with labels.")
        generator = torch.Generator().manual_seed(seed)
        network = ConvNet(codec, dataset.n_classes, generator)
        steps = max(1, seen // _BATCH)
        optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.05)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            rows = torch.randint(len(split), (_BATCH,), generator=generator)
            tokens = shift(split.tokens[rows], random_offsets(_BATCH, 1, 0.5, generator), codec.shape)
            optimiser.zero_grad()
            F.cross_entropy(network(tokens), split.labels[rows]).backward()
            optimiser.step()
            falling.step()
        network.eval().requires_grad_(False)
        raw = _raw(network, split.tokens)
        hits = int((_classes(network, dataset.test.tokens) == dataset.test.labels).sum())
        share = proportion(hits, len(dataset.test))
        centre, scale = raw.mean(0), float(np.sqrt(raw.var(0).mean()))
        dead = scale <= 1e-6 * max(1.0, float(np.abs(centre).max()))  # constant features, up to rounding
        return cls(network, centre, 1.0 if dead else scale, share, seed)

    def __call__(self, tokens: Tensor) -> Points:
        return (_raw(self.network, tokens) - self.centre) / self.scale

    def classes(self, tokens: Tensor) -> Tensor:
        """The predicted class of each image, [N] int64, from tokens [N, L]."""
        return _classes(self.network, tokens)

    def log_probs(self, tokens: Tensor) -> Tensor:
        """Log-probability of each class for each image, [N, K], from tokens [N, L]."""
        return torch.cat([self.network(chunk).log_softmax(1) for chunk in tokens.cpu().split(_CHUNK)])


def _raw(network: ConvNet, tokens: Tensor) -> Points:
    chunks = [network.features(chunk).detach() for chunk in tokens.cpu().split(_CHUNK)]
    return torch.cat(chunks).double().numpy()


def _classes(network: ConvNet, tokens: Tensor) -> Tensor:
    return torch.cat([network(chunk).argmax(1) for chunk in tokens.cpu().split(_CHUNK)])
