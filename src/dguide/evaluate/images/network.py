"""A small network that learns to tell real images apart: a judge of labels, and a space to compare images in."""

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
    """Two convolutions with pooling, a layer of 64 features, and a linear layer that tells classes apart.

    Args:
        codec: What it looks at: brightness if tokens are greys, else one channel for each colour.
        n_classes: Number of classes K.
        generator: Source of the initial weights.
    """

    def __init__(self, codec: Pixels, n_classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self.codec = codec
        with torch.random.fork_rng(devices=[]):  # layers draw weights when they are made; all are drawn anew below
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
        """What the last layer but one makes of images [N, L], [N, 64]."""
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
    r"""The last layer but one of a small network that learnt the classes of the real training images.

    Features are moved and scaled, all by one number, so that on the training images their mean is zero and the sum of
    their variances is their number, 64: a Fréchet distance of 64 is about that of the data to a single point.

    The network knows its training images better than others. Figures of real held-out images include what comes of
    that, as figures of new images by a model do; copies of training images do not have to pay it.

    Args:
        network: The network.
        centre: Mean of its features on the training images, [64].
        scale: Root of the mean of their variances; 1 if the network sees no difference at all.
        held_out: Its accuracy on real images that it has not seen: the best that generated images can hope for.
        seed: Of its training.
    """

    network: ConvNet
    centre: Points
    scale: float
    held_out: Proportion
    seed: int
    width: ClassVar[int] = _WIDTH

    @property
    def name(self) -> str:  # type: ignore[override]
        """What the space is called."""
        return f"learnt features, seed {self.seed}"

    @classmethod
    def fit(cls, dataset: Dataset, *, seen: int = 40_000, seed: int = 0) -> LearntFeatures:
        """Learns from the training split, and is tested on the held-out split.

        Adam with decoupled weight decay and a rate that falls to zero by a cosine, on images moved by up to a pixel.

        Args:
            dataset: Labelled images.
            seen: Number of images that it learns from, repeated ones counted each time.
            seed: Of the first weights and the order of the images.

        Raises:
            ValueError: If the data set holds no images, or no classes.
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
        hits = int((_classes(network, dataset.held_out.tokens) == dataset.held_out.labels).sum())
        share = proportion(hits, len(dataset.held_out))
        centre, scale = raw.mean(0), float(np.sqrt(raw.var(0).mean()))
        dead = scale <= 1e-6 * max(1.0, float(np.abs(centre).max()))  # it sees the same in all images, but for rounding
        return cls(network, centre, 1.0 if dead else scale, share, seed)

    def __call__(self, tokens: Tensor) -> Points:
        return (_raw(self.network, tokens) - self.centre) / self.scale

    def classes(self, tokens: Tensor) -> Tensor:
        """The class it sees in each image, [N] int64, from tokens [N, L]."""
        return _classes(self.network, tokens)


def _raw(network: ConvNet, tokens: Tensor) -> Points:
    chunks = [network.features(chunk).detach() for chunk in tokens.cpu().split(_CHUNK)]
    return torch.cat(chunks).double().numpy()


def _classes(network: ConvNet, tokens: Tensor) -> Tensor:
    return torch.cat([network(chunk).argmax(1) for chunk in tokens.cpu().split(_CHUNK)])
