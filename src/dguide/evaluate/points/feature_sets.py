"""Features to compare images: pixels, or features of a network."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data import Codec, Dataset, Learnt, Pictures, Pixels
from ...errors import MissingExtra, bad, require
from .base import Points, Shown

__all__ = ["Features", "InceptionFeatures", "PixelFeatures", "image_codec"]

_WEIGHTS = "the Inception weights of torch-fidelity"


class Features(ABC):
    """Maps images to points; similar images are near. Figures of different features are not comparable."""

    name: str

    @abstractmethod
    def __call__(self, images: Shown) -> Points:
        """The points [N, D] for images: tokens [N, L]; for data with a tokenizer also `dguide.data.Pictures`."""


@dataclass(frozen=True)
class PixelFeatures(Features):
    """The pixels, from `Codec.features`.

    Args:
        codec: The codec of the tokens.
        name: Name of the features.
    """

    codec: Codec
    name: str = "pixels"

    @classmethod
    def of(cls, dataset: Dataset) -> PixelFeatures:
        """The pixels for a data set. Raises `ValueError` if it has no images."""
        return cls(image_codec(dataset))

    def __call__(self, images: Shown) -> Points:
        if isinstance(self.codec, Learnt):
            return self.codec.features(images)
        assert isinstance(images, Tensor)  # a data set of pixels has no other pictures
        return self.codec.features(images)


@dataclass(frozen=True, eq=False)
class InceptionFeatures(Features):
    """The 2,048 features of the Inception network, as in published Fréchet distances of photographs.

    The network was trained on photographs of 299 x 299 pixels. Smaller images are enlarged to this size. It is an open
    question whether the features are useful for digits or wafer maps. Use them to compare with published figures.

    Source: Heusel et al. (arXiv 1706.08500); network and interpolation of the package torch-fidelity.

    Args:
        codec: The codec of the tokens.
        network: The feature extractor of torch-fidelity.
        name: Name of the features.
    """

    codec: Pixels | Learnt
    network: Any
    name: str = "Inception features"

    @classmethod
    def of(cls, dataset: Dataset, weights: str | Path) -> InceptionFeatures:
        """Loads the weights from a local file. Nothing is downloaded.

        Args:
            dataset: The data set of the images.
            weights: The file `weights-inception-2015-12-05-6726825d.pth` that torch-fidelity publishes.

        Raises:
            ValueError: If the file is missing or has other content.
            dguide.errors.MissingExtra: If torch-fidelity is not installed, or cannot be imported.
        """
        codec, path = image_codec(dataset), Path(weights)
        if not path.is_file():
            remedy = "Fetch them once by hand: nothing is downloaded here."
            raise bad("weights of Inception", f"{path}, which is no file", _WEIGHTS, remedy)
        try:
            torch.load(path, weights_only=True)  # torch-fidelity would unpickle any file
        except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
            first = str(error).partition("\n")[0]
            raise bad(f"weights {path}", first, _WEIGHTS) from error
        try:
            module = require("torch_fidelity.feature_extractor_inceptionv3", "inception")
        except RuntimeError as error:  # torchvision was built for another version of torch
            raise MissingExtra(f"torch_fidelity is installed but cannot be imported: {error}") from error
        try:
            network = module.FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=path)
        except (RuntimeError, TypeError) as error:
            raise bad(f"weights {path}", "other tensors", _WEIGHTS) from error
        return cls(codec, network)

    @torch.no_grad()
    def __call__(self, images: Shown) -> Points:
        chunks = []
        for rows in torch.arange(len(images)).split(64):
            some = images.take(rows) if isinstance(images, Pictures) else images.cpu()[rows]
            shown = _bytes(self.codec, some).permute(0, 3, 1, 2).contiguous()
            chunks.append(self.network(shown)[0].double().numpy())
        return np.concatenate(chunks)


def _bytes(codec: Pixels | Learnt, images: Shown) -> Tensor:
    """Red, green and blue, [N, H, W, 3] uint8."""
    if isinstance(codec, Learnt):
        pictures = codec.pictures_of(images)
        return pictures.expand(*pictures.shape[:-1], 3)
    assert isinstance(images, Tensor)  # a data set of pixels has no other pictures
    return codec.colours(images).to(torch.uint8)


def image_codec(dataset: Dataset) -> Pixels | Learnt:
    """The codec of a data set of images. Raises `ValueError` for other data."""
    if not isinstance(dataset.codec, Pixels | Learnt):
        raise bad("data set to compare images with", f"{dataset.name}, whose sequences are no images", "images")
    return dataset.codec
