"""Tokenizers that `dguide train-tokenizer` trains: a folder with `tokenizer.safetensors` and `tokenizer.json`."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..devices import in_float32, on_cpu
from ..errors import bad
from ..stored import Folder, content_digest, planning
from .base import Tokenizer
from .network import Autoencoder

__all__ = ["CONFIG", "FOLDER", "WEIGHTS", "About", "LearntTokenizer", "load", "save"]

CONFIG, WEIGHTS = "tokenizer.json", "tokenizer.safetensors"
FOLDER = Folder(CONFIG, WEIGHTS, "dguide-tokenizer-1", "dguide train-tokenizer", "tokenizer")
_LARGEST = 4096
"""The most pixels of a side."""


@dataclass(frozen=True)
class About:
    """How the weights of a tokenizer came about.

    Args:
        data: Name of the data set.
        data_digest: SHA-256 of its training, validation and test pictures.
        synthetic: Whether a program generated the data.
        command: The command that trained the weights.
        seed: Seed of the training.
        steps: Training steps after which the weights were taken.
        validation: Figures of the validation part, which chose the weights, by name.
        test: Figures of the test part; None before the end of the training.
        version: Version of dguide that trained the weights.
    """

    data: str = ""
    data_digest: str = ""
    synthetic: bool = False
    command: str = ""
    seed: int = 0
    steps: int = 0
    validation: dict[str, float] = field(default_factory=dict)
    test: dict[str, float] | None = None
    version: str = "unknown"


@dataclass(frozen=True)
class _Stored(About):
    """The content of the file: what determines the tokens, how it came about, and the SHA-256 of the weights."""

    height: int = field(kw_only=True)
    width: int = field(kw_only=True)
    network: dict[str, Any] = field(kw_only=True)
    sha256: str = field(kw_only=True)
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}


class LearntTokenizer(Tokenizer):
    """A trained autoencoder with the size of its pictures.

    Args:
        network: The autoencoder, on any device. It is put in evaluation mode.
        height: Rows of pixels, a multiple of the factor.
        width: Columns of pixels, likewise.
        about: How the weights came about.

    Raises:
        ValueError: If a size is no multiple of the factor, or above 4096.
    """

    files = (CONFIG, WEIGHTS)

    def __init__(self, network: Autoencoder, height: int, width: int, about: About | None = None) -> None:
        factor = network.factor
        for name, side in (("height", height), ("width", width)):
            if not 0 < side <= _LARGEST or side % factor:
                expected = f"a multiple of the factor {factor}, at most {_LARGEST:,}"
                raise bad(f"{name} of the pictures", side, expected, "Choose another size of the pictures, or factor.")
        self.network = network.eval().requires_grad_(False)
        self.height, self.width, self.channels = height, width, network.channels
        self.grid, self.codes = (height // factor, width // factor), network.fsq.codes
        self.about = about or About()
        told = {"height": height, "width": width, "network": network.hyperparameters}
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
        self.digest = content_digest(json.dumps(told, sort_keys=True), weights)

    def _encode(self, images: Tensor) -> Tensor:
        return self.network.tokens(images.to(self._device))

    def _decode(self, tokens: Tensor) -> Tensor:
        return self.network.draw(tokens.to(self._device))

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def save(path: str | Path, tokenizer: LearntTokenizer) -> None:
    """Writes a tokenizer to the directory `path`. An older one is replaced.

    Raises:
        OSError: If the directory cannot be written.
    """
    sizes = {"height": tokenizer.height, "width": tokenizer.width, "network": tokenizer.network.hyperparameters}
    FOLDER.save(Path(path), tokenizer.network, sizes | asdict(tokenizer.about))


@on_cpu
@in_float32
def load(path: str | Path, device: str | torch.device = "cpu") -> LearntTokenizer:
    """Reads the tokenizer in the directory `path`.

    Args:
        path: A directory from `save`.
        device: Device of the network.

    Raises:
        ValueError: If a file is missing, damaged or of another kind.
        OSError: If a file exists but cannot be read.
    """
    directory = Path(path)
    missing = FOLDER.missing(directory)
    if missing:
        there = f"a directory without {missing[0]}" if directory.is_dir() else "no such directory"
        remedy = "Pass the directory that dguide train-tokenizer wrote."
        expected = f"a directory with {CONFIG} and {WEIGHTS}, or the folder of a VQModel of diffusers"
        raise bad(f"tokenizer {directory}", there, expected, remedy)
    stored = FOLDER.describe(directory, _Stored)
    file = FOLDER.file(directory, stored.sha256)
    shapes = FOLDER.shapes(file)
    arguments = stored.network
    try:
        inspect.signature(Autoencoder).bind(**arguments)
    except TypeError as error:
        raise bad(f"network in {directory / CONFIG}", str(error), "arguments of Autoencoder", FOLDER.again) from error
    side = max((side for shape in shapes.values() for side in shape), default=0)
    wrong = [(name, each) for name, each in arguments.items() if not _fits(each, side)]
    if wrong:
        expected = f"numbers up to {side}, as the weights have it"
        raise bad(f"{wrong[0][0]} of the network in {directory / CONFIG}", wrong[0][1], expected, FOLDER.again)
    with planning():
        planned = Autoencoder(**arguments)
    tensors = FOLDER.fill(file, planned, shapes)
    network = Autoencoder(**arguments)
    network.load_state_dict(tensors)
    kept = {name: getattr(stored, name) for name in About.__dataclass_fields__}
    return LearntTokenizer(network.to(device), stored.height, stored.width, About(**kept))


def _fits(value: object, most: int) -> bool:
    """Whether it is a number up to `most`, or a list of at most so many numbers."""
    numbers = value if isinstance(value, list) else [value]
    return len(numbers) <= most and all(type(each) is int and each <= max(most, 16) for each in numbers)
