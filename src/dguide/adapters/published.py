"""Models that others published, by their files: what they are before and after they are opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import torch

from ..data import Attribute, Codec
from ..denoiser import Denoiser
from ..process import Process

__all__ = ["ImageModel", "Published", "opened"]


@dataclass(frozen=True, eq=False)
class ImageModel:
    """A denoiser made of a published model, and what its tokens and conditions mean.

    Attributes:
        denoiser: As `dguide.sample` takes it.
        process: The process that it was trained for.
        shape: Rows and columns of the tokens of an image.
        conditions: Its conditions. A single one is passed as a tensor, several as a dict by name.
        digest: SHA-256 of the weights and of all else that its logits depend on, in hexadecimal.
    """

    denoiser: Denoiser
    process: Process
    shape: tuple[int, int]
    conditions: tuple[Attribute, ...]
    digest: str


class Published(ABC):
    """A model of images that others published, by its files: a frozen dataclass, which another process can open too."""

    @abstractmethod
    def load(self, device: torch.device, dtype: torch.dtype) -> ImageModel:
        """Reads the denoiser. Nothing in a file is run.

        Raises:
            ValueError: If a file is missing, damaged, or holds another network.
        """

    @abstractmethod
    def codec(self, device: torch.device) -> Codec:
        """Reads what makes pictures of tokens; on a device for many of them. Raises `ValueError` likewise."""


@lru_cache(maxsize=4)
def opened(published: Published, device: torch.device, dtype: torch.dtype) -> ImageModel:
    """The model on a device. A process keeps those that it has opened last."""
    return published.load(device, dtype)
