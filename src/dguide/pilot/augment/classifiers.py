"""Classifiers of images that every arm of a pilot trains alike."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data import Pictures
from ...data.codecs.learnt import box_means
from ...devices import best_device
from ...errors import bad, positive, require
from ...evaluate.images.network import AsTheyAre, ConvNet, learn
from ...evaluate.reading.standard import forest
from ...spec import Registry
from .arms import Training

__all__ = ["CLASSIFIERS", "Classifier", "RandomForest", "ScikitLearn", "SmallNetwork", "Timm"]

Predict: TypeAlias = Callable[[Pictures], Tensor]
"""Gives the log-probability of each class, [N, K] float32, for N pictures."""
_PASSES = 4
"""Times that a classifier without steps sees each example, so that it sees several changes of one."""
_LEAST = 1e-6
"""Least probability, of classifiers that give 0."""


class Classifier(ABC):
    """A kind of classifier. It learns the same number of images in every arm."""

    @abstractmethod
    def check(self, n_classes: int) -> None:
        """Raises `ValueError` or `dguide.errors.MissingExtra` if it cannot be trained, before any work."""

    @abstractmethod
    def fit(self, training: Training, n_classes: int, seed: int) -> Predict:
        """Trains it.

        Args:
            training: The pictures to learn from.
            n_classes: Number of classes K.
            seed: Seed of all that is random in the training.
        """


@dataclass(frozen=True)
class SmallNetwork(Classifier):
    """The small convolutional network of `dguide evaluate`, without its own random shifts.

    Args:
        seen: Training images, with repetitions.
    """

    seen: int = 20_000

    def __post_init__(self) -> None:
        positive("seen of the small network", self.seen)

    def check(self, n_classes: int) -> None:
        """As `Classifier` says: PyTorch is all that it needs."""

    def fit(self, training: Training, n_classes: int, seed: int) -> Predict:
        images, generator = training.images, torch.Generator().manual_seed(seed)
        form = AsTheyAre((images.height, images.width), images.channels)
        network = ConvNet(form, n_classes, generator).to(best_device())
        return _learnt(network, training, self.seen, generator, network.inputs)


@dataclass(frozen=True)
class RandomForest(Classifier):
    """A random forest of scikit-learn on means of pixels, on at most 32 x 32 places for each channel."""

    def check(self, n_classes: int) -> None:
        require("sklearn.ensemble", "train")

    def fit(self, training: Training, n_classes: int, seed: int) -> Predict:
        predict = forest(*_points(training, seed), n_classes, seed)
        return lambda images: predict(_features(images)).float()


@dataclass(frozen=True)
class ScikitLearn(Classifier):
    """Any classifier of scikit-learn with its default options, on the same means of pixels as the random forest.

    Args:
        path: Where it is in scikit-learn, such as `svm.SVC` or `ensemble.HistGradientBoostingClassifier`.
    """

    path: str

    def check(self, n_classes: int) -> None:
        self._made(0)

    def fit(self, training: Training, n_classes: int, seed: int) -> Predict:
        machine = self._made(seed)
        points, labels = _points(training, seed)
        machine.fit(points, labels.numpy())

        def predict(images: Pictures) -> Tensor:
            logs = np.full((len(images), n_classes), np.log(_LEAST))
            logs[:, machine.classes_] = _log_probs(machine, _features(images))
            return torch.from_numpy(logs).float().log_softmax(-1)

        return predict

    def _made(self, seed: int) -> Any:
        """The classifier, not yet trained. Raises `ValueError` if there is none."""
        require("sklearn", "train")
        module, _, name = self.path.removeprefix("sklearn.").rpartition(".")
        expected = "one such as svm.SVC or ensemble.HistGradientBoostingClassifier"
        try:
            made = getattr(importlib.import_module(f"sklearn.{module}"), name)()
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise bad("classifier of scikit-learn", f"{self.path!r} ({error})", expected) from error
        base = require("sklearn.base", "train")
        if not (isinstance(made, base.BaseEstimator) and base.is_classifier(made)):
            raise bad("classifier of scikit-learn", f"{self.path!r}, which is none", expected)
        if not (hasattr(made, "predict_proba") or hasattr(made, "decision_function")):
            raise bad("classifier of scikit-learn", f"{self.path!r}, which gives no scores", expected)
        return made.set_params(random_state=seed) if "random_state" in made.get_params() else made


@dataclass(frozen=True)
class Timm(Classifier):
    """A network of timm. Nothing is downloaded: its weights are random, or those of a local file.

    Args:
        model: Its name in timm, such as `resnet18`.
        seen: Training images, with repetitions.
        side: Rows and columns to which pictures are resized.
        rate: Learning rate at the beginning.
        weights: A file of weights in the format safetensors. Those of the last layer need not fit.
    """

    model: str
    seen: int = 20_000
    side: int = 64
    rate: float = 1e-3
    weights: Path | None = None

    def __post_init__(self) -> None:
        positive("seen of timm", self.seen)
        positive("side of timm", self.side)

    def check(self, n_classes: int) -> None:
        self._made(n_classes, 3, 0)

    def fit(self, training: Training, n_classes: int, seed: int) -> Predict:
        network = self._made(n_classes, training.images.channels, seed).to(best_device())
        generator = torch.Generator().manual_seed(seed)
        return _learnt(network, training, self.seen, generator, self._inputs, self.rate)

    def _inputs(self, images: Pictures) -> Tensor:
        pixels = images.batch(slice(None)).permute(0, 3, 1, 2).float() / 255 - 0.5
        return F.interpolate(pixels, (self.side, self.side), mode="bilinear", antialias=True)

    def _made(self, n_classes: int, channels: int, seed: int) -> nn.Module:
        """The network before it learns. Raises `ValueError` for an unknown name, or weights that do not fit."""
        timm = require("timm", "timm")
        if self.model not in timm.list_models():
            near = ", ".join(timm.list_models(f"*{self.model[:6]}*")[:5])
            raise bad("model of timm", repr(self.model), "a name of timm.list_models()", near and f"Some are {near}.")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network: nn.Module = timm.create_model(
                self.model, pretrained=False, num_classes=n_classes, in_chans=channels
            )
        if self.weights is not None:
            _fill(network, self.weights)
        return network


CLASSIFIERS: Registry[Classifier] = Registry(
    "classifier",
    Classifier,
    {"small-network": SmallNetwork, "random-forest": RandomForest, "scikit-learn": ScikitLearn, "timm": Timm},
)
"""Kinds of classifiers, by name."""


def _learnt(
    network: nn.Module,
    training: Training,
    seen: int,
    generator: torch.Generator,
    inputs: Callable[[Pictures], Tensor],
    rate: float = 2e-3,
) -> Predict:
    """Trains a network on pictures, of which some are augmented, and gives its log-probabilities."""

    def batch(rows: Tensor) -> Tensor:
        seen_now = inputs(training.images.take(rows))
        return training.ordinary(seen_now, training.moved[rows], generator)

    learn(network, batch, training.labels, seen=seen, generator=generator, rate=rate)
    network.eval().requires_grad_(False)
    device = next(network.parameters()).device

    def predict(images: Pictures) -> Tensor:
        pieces = [network(inputs(images.take(rows)).to(device)).log_softmax(-1).cpu() for rows in images.slices()]
        return torch.cat(pieces).float()

    return predict


def _points(training: Training, seed: int) -> tuple[NDArray[np.float64], Tensor]:
    """Features of the pictures for a classifier without steps, several times if some are augmented."""
    generator = torch.Generator().manual_seed(seed)
    passes = _PASSES if bool(training.moved.any()) else 1

    def changed() -> Iterator[NDArray[np.float64]]:
        for rows in training.images.slices():
            pixels = training.images.batch(rows).permute(0, 3, 1, 2).float()
            moved = training.ordinary(pixels, training.moved[rows], generator)
            yield box_means(moved.round().to(torch.uint8).permute(0, 2, 3, 1))

    points = np.concatenate([each for _ in range(passes) for each in changed()])
    return points, training.labels.repeat(passes)


def _features(images: Pictures) -> NDArray[np.float64]:
    return np.concatenate([box_means(images.batch(rows)) for rows in images.slices()])


def _log_probs(machine: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probabilities of the classes that a classifier knows, [N, C], from what it gives."""
    if hasattr(machine, "predict_proba"):
        found: NDArray[np.float64] = np.log(np.maximum(machine.predict_proba(points), _LEAST))
        return found
    scores = np.asarray(machine.decision_function(points))
    scores = np.stack([-scores / 2, scores / 2], -1) if scores.ndim == 1 else scores
    return torch.from_numpy(scores).log_softmax(-1).numpy()


def _fill(network: nn.Module, path: Path) -> None:
    """Puts the weights of a file into a network, but for those of another shape, such as those of the last layer."""
    if not path.is_file():
        raise bad("weights of timm", str(path), "a file in the format safetensors")
    given = require("safetensors.torch", "train").load_file(path)
    own = network.state_dict()
    fitting = {name: each for name, each in given.items() if name in own and own[name].shape == each.shape}
    if 2 * len(fitting) < len(own):
        raise bad("weights of timm", f"{len(fitting)} tensors that fit", f"at least half of the {len(own)}")
    network.load_state_dict({**own, **fitting})
