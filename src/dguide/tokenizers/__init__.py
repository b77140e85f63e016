"""Tokenizers of images: pictures become few tokens of a few hundred codes, and tokens become pictures."""

from __future__ import annotations

from pathlib import Path

import torch

from . import learnt, vq
from .base import Tokenizer
from .fsq import LEVELS
from .learnt import About, LearntTokenizer, save
from .network import FACTORS, Autoencoder
from .vq import VQTokenizer

__all__ = [
    "FACTORS",
    "LEVELS",
    "About",
    "Autoencoder",
    "LearntTokenizer",
    "Tokenizer",
    "VQTokenizer",
    "is_one",
    "load",
    "save",
]


def is_one(path: str | Path) -> bool:
    """Whether a folder says that it holds a tokenizer, which need not be intact."""
    return (Path(path) / learnt.CONFIG).is_file() or vq.of_diffusers(Path(path))


def load(path: str | Path, device: str | torch.device = "cpu") -> LearntTokenizer | VQTokenizer:
    """The tokenizer in a folder that `dguide train-tokenizer` wrote, or `VQModel.save_pretrained` of diffusers.

    Args:
        path: The folder.
        device: Device of its network.

    Raises:
        ValueError: If there is none, or its files are damaged or do not belong together.
        dguide.errors.MissingExtra: If it is a folder of diffusers, and the extra `diffusers` is not installed.
    """
    foreign = not (Path(path) / learnt.CONFIG).is_file() and (Path(path) / vq.CONFIG).is_file()
    return vq.load(path, device) if foreign else learnt.load(path, device)
