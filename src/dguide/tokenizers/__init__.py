"""Tokenizers of images: pictures become few tokens of a few hundred codes, and tokens become pictures."""

from __future__ import annotations

from pathlib import Path

import torch

from . import learnt
from .base import Tokenizer
from .fsq import LEVELS
from .learnt import About, LearntTokenizer, save
from .network import FACTORS, Autoencoder

__all__ = ["FACTORS", "LEVELS", "About", "Autoencoder", "LearntTokenizer", "Tokenizer", "load", "save"]


def load(path: str | Path, device: str | torch.device = "cpu") -> Tokenizer:
    """The tokenizer in a folder that `dguide train-tokenizer` wrote.

    Args:
        path: The folder.
        device: Device of its network.

    Raises:
        ValueError: If there is none, or its files are damaged or do not belong together.
    """
    return learnt.load(path, device)
