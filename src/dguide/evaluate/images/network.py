"""A small network that learns the classes of real images: a classifier, and features to compare images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...data import Dataset, Learnt, Pictures, Pixels, random_offsets, shift
from ...errors import bad
from ..points.base import Points, Shown
from ..points.feature_sets import Features, image_codec
from ..statistics.proportion import Proportion, proportion

__all__ = ["AsTheyAre", "ConvNet", "LearntFeatures", "learn", "trained"]

_WIDTH = 64
_BATCH = 64
_RATE = 2e-3
_CHUNK = 512
_PIXELS = 2**21
"""Pixels of the images in one call. It limits the memory."""
_SMALL = 32
"""Sides of images, up to twice this number, that no convolution with stride halves first."""
_CHANNELS = 24


@dataclass(frozen=True)
class AsTheyAre:
    """Pictures without tokens, of one size (H, W) and number of channels."""

    size: tuple[int, int]
    channels: int

    def pictures_of(self, images: Shown) -> Tensor:
        """Images in memory, [N, H, W, C] uint8."""
        assert isinstance(images, Pictures)  # there are no tokens
        return images.batch(slice(None))


class ConvNet(nn.Module):
    """Two convolutions with pooling, a layer of 64 features, and a linear classifier.

    Images of 64 pixels a side and more are halved first, by convolutions of stride 2, until they have fewer.

    Args:
        codec: The codec of the images, or what they are without tokens. The input is the brightness for
            greys, else one channel for each colour of small images, and red, green and blue of others and of pictures.
        n_classes: Number of classes K.
        generator: Generator of the initial weights.
    """

    def __init__(self, codec: Pixels | Learnt | AsTheyAre, n_classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self.codec = codec
        self.halvings = max(0, (max(codec.size) // _SMALL).bit_length() - 1)
        widths = [self._channels, *(_CHANNELS * (n + 1) // self.halvings for n in range(self.halvings))]
        with torch.random.fork_rng(devices=[]):  # layers draw weights in their constructor; all are drawn again below
            self.body = nn.Sequential(
                *(layer for pair in pairwise(widths) for layer in (nn.Conv2d(*pair, 3, 2, padding=1), nn.GELU())),
                nn.Conv2d(widths[-1], _CHANNELS, 3, padding=1),
                nn.GELU(),
                nn.MaxPool2d(2, ceil_mode=True),
                nn.Conv2d(_CHANNELS, 48, 3, padding=1),
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

    @property
    def _channels(self) -> int:
        if not isinstance(self.codec, Pixels):
            return self.codec.channels
        return 1 if self.codec.is_grey else 3 if self.halvings else self.codec.vocab_size

    def inputs(self, images: Shown) -> Tensor:
        """What the network sees of images, [N, C, H, W]."""
        codec = self.codec
        if not isinstance(codec, Pixels):
            return _floats(codec.pictures_of(images))
        assert isinstance(images, Tensor)  # a data set of pixels has no other pictures
        if codec.is_grey:
            return codec.picture(images).unsqueeze(1) - 0.5
        if self.halvings:
            return codec.colours(images).permute(0, 3, 1, 2) / 255 - 0.5
        return F.one_hot(images.reshape(-1, *codec.shape), codec.vocab_size).permute(0, 3, 1, 2).float()

    def moved(self, images: Shown, generator: torch.Generator) -> Tensor:
        """`inputs` of images with random shifts of up to a pixel after the halvings."""
        offsets = random_offsets(len(images), 2**self.halvings, 0.5, generator)
        if isinstance(self.codec, Pixels) and isinstance(images, Tensor):
            return self.inputs(shift(images, offsets, self.codec.shape))
        assert not isinstance(self.codec, Pixels)
        return _floats(_shifted(self.codec.pictures_of(images), offsets))

    def batches(self, images: Shown) -> Iterator[Tensor]:
        """`inputs` of some images at a time, on the device of the network."""
        height, width = self.codec.size
        for rows in torch.arange(len(images)).split(min(_CHUNK, max(1, _PIXELS // (height * width)))):
            yield self.inputs(_taken(images, rows)).to(self.head.weight.device)

    def logits(self, images: Shown) -> Tensor:
        """Logits of the classes of images, [N, K], on the CPU."""
        return torch.cat([self(inputs).cpu() for inputs in self.batches(images)])

    def features(self, inputs: Tensor) -> Tensor:
        """Output of the second to last layer, [N, 64]."""
        features: Tensor = self.body(inputs)
        return features

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of the classes, [N, K]."""
        logits: Tensor = self.head(self.features(inputs))
        return logits


def trained(
    codec: Pixels | Learnt | AsTheyAre,
    images: Shown,
    labels: Tensor,
    n_classes: int,
    *,
    seen: int,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> ConvNet:
    """A network that learnt the classes [N] of images.

    Uses Adam with decoupled weight decay and a cosine learning rate, on images with random shifts (`ConvNet.moved`).

    Args:
        codec: As of `ConvNet`.
        images: The images to learn from, at least one.
        labels: Their classes, [N].
        n_classes: Number of classes K.
        seen: Number of training images, with repetitions.
        seed: Seed of the initial weights and the order of the images.
        device: Device of the network.
    """
    generator = torch.Generator().manual_seed(seed)
    network = ConvNet(codec, n_classes, generator).to(device)

    def batch(rows: Tensor) -> Tensor:
        return network.moved(_taken(images, rows), generator)

    learn(network, batch, labels, seen=seen, generator=generator)
    return network.eval().requires_grad_(False)


def learn(
    network: nn.Module,
    batch: Callable[[Tensor], Tensor],
    labels: Tensor,
    *,
    seen: int,
    generator: torch.Generator,
    rate: float = _RATE,
) -> None:
    """Trains a classifier of images, with Adam with decoupled weight decay and a cosine learning rate.

    Args:
        network: Gives logits [B, K]. It is left in training mode.
        batch: Gives what the network is called with for the images at some rows [B].
        labels: The class of each image, [N].
        seen: Number of training images, with repetitions.
        generator: Draws the images of each step, independently.
        rate: Learning rate at the beginning.
    """
    device = next(network.parameters()).device
    steps = max(1, seen // _BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.05)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = torch.randint(len(labels), (_BATCH,), generator=generator)
        inputs = batch(rows).to(device)
        optimiser.zero_grad()
        F.cross_entropy(network(inputs), labels[rows].to(device)).backward()
        optimiser.step()
        falling.step()


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
        """Trains on the training split (`trained`), and tests on the held-out split.

        Args:
            dataset: Labelled images.
            seen: Number of training images, with repetitions.
            seed: Seed of the initial weights and the order of the images.

        Raises:
            ValueError: If the data set has no images, or fewer than two classes.
        """
        codec, split, images = image_codec(dataset), dataset.train, dataset.train.originals
        if dataset.n_classes < 2:
            raise bad("classes", dataset.n_classes, "at least two", "Take a data set with labels.")
        network = trained(codec, images, split.labels, dataset.n_classes, seen=seen, seed=seed)
        raw = _raw(network, images)
        hits = int((network.logits(dataset.test.originals).argmax(1) == dataset.test.labels).sum())
        share = proportion(hits, len(dataset.test))
        centre, scale = raw.mean(0), float(np.sqrt(raw.var(0).mean()))
        dead = scale <= 1e-6 * max(1.0, float(np.abs(centre).max()))  # constant features, up to rounding
        return cls(network, centre, 1.0 if dead else scale, share, seed)

    def __call__(self, images: Shown) -> Points:
        return (_raw(self.network, images) - self.centre) / self.scale

    def classes(self, images: Shown) -> Tensor:
        """The predicted class of each image, [N] int64, from tokens [N, L] or pictures."""
        return self.network.logits(images).argmax(1)

    def log_probs(self, images: Shown) -> Tensor:
        """Log-probability of each class for each image, [N, K], from tokens [N, L] or pictures."""
        return self.network.logits(images).log_softmax(1)


def _raw(network: ConvNet, images: Shown) -> Points:
    chunks = [network.features(inputs).detach() for inputs in network.batches(images)]
    return torch.cat(chunks).double().numpy()


def _floats(pictures: Tensor) -> Tensor:
    """Pictures [N, H, W, C] uint8 from -0.5 to 0.5, [N, C, H, W]."""
    return pictures.permute(0, 3, 1, 2).float().div_(255).sub_(0.5)


def _shifted(pictures: Tensor, offsets: Tensor) -> Tensor:
    """Pictures [N, H, W, C] moved down and right by offsets [N, 2]; beyond the edge its pixels are repeated."""
    (height, width), most = pictures.shape[1:3], int(offsets.abs().max())
    around = (torch.arange(-most, side + most).clamp(0, side - 1) for side in (height, width))
    wide = pictures[:, next(around)][:, :, next(around)]
    corners = (most - offsets).tolist()  # slices, since a copy of rows is faster than that of pixels by their numbers
    moved = [each[y : y + height, x : x + width] for each, (y, x) in zip(wide, corners, strict=True)]
    return torch.stack(moved)


def _taken(images: Shown, rows: Tensor) -> Shown:
    """The images at `rows`, on the CPU."""
    return images.take(rows) if isinstance(images, Pictures) else images.cpu()[rows]
