"""Tokenizers of images: pictures become few tokens of a few hundred codes, and tokens become pictures."""

from __future__ import annotations

from pathlib import Path

import torch

from ..errors import bad
from . import learnt, llamagen, vq
from .base import Tokenizer
from .fsq import LEVELS
from .learnt import About, LearntTokenizer, save
from .llamagen import LlamaGenTokenizer
from .network import FACTORS, Autoencoder
from .vq import VQTokenizer

__all__ = [
    "FACTORS",
    "LEVELS",
    "About",
    "Autoencoder",
    "LearntTokenizer",
    "LlamaGenTokenizer",
    "Tokenizer",
    "VQTokenizer",
    "is_one",
    "load",
    "save",
]


def is_one(path: str | Path) -> bool:
    """Whether a folder says that it holds a tokenizer, which need not be intact."""
    return (Path(path) / learnt.CONFIG).is_file() or vq.of_diffusers(Path(path))


def load(
    path: str | Path, device: str | torch.device = "cpu", size: tuple[int, int] | None = None
) -> LearntTokenizer | VQTokenizer | LlamaGenTokenizer:
    """The tokenizer in a folder that `dguide train-tokenizer` wrote, in one of diffusers, or in a file of LlamaGen.

    Args:
        path: The folder, also one of `VQModel.save_pretrained` of diffusers; or the file.
        device: Device of its network.
        size: Rows and columns of pixels, for a file, which tells none. A folder has its own.

    Raises:
        ValueError: If there is none, its files are damaged or do not belong together, or a file comes without size.
        dguide.errors.MissingExtra: If it is a folder of diffusers, and the extra `diffusers` is not installed.
    """
    folder = Path(path)
    file = folder / llamagen.WEIGHTS if (folder / llamagen.WEIGHTS).is_file() else folder
    if file.is_file():
        if size is None:
            remedy = "Give it to the data, as in size=384x384, or as size=(384, 384) in Python."
            raise bad(
                f"size of the pictures of {file}", "none", "rows and columns of pixels, as a file has none", remedy
            )
        return llamagen.load(file, size, device)
    foreign = not (folder / learnt.CONFIG).is_file() and (folder / vq.CONFIG).is_file()
    return vq.load(folder, device) if foreign else learnt.load(folder, device)
