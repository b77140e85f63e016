"""A tokenizer of images without a network, for tests: a token is the mean of a block, in few levels."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from torch import Tensor

from dguide import tokenizers
from dguide.tokenizers import Tokenizer

__all__ = ["Blocks", "write_blocks"]


class Blocks(Tokenizer):
    """A token is the mean of a block of pixels, rounded to one of few levels."""

    def __init__(self, size: tuple[int, int], channels: int, block: int, codes: int) -> None:
        self.height, self.width, self.channels, self.block, self.codes = *size, channels, block, codes
        self.grid = (self.height // block, self.width // block)
        settings = [size, channels, block, codes]
        self.digest = hashlib.sha256(json.dumps(settings).encode()).hexdigest()

    def _encode(self, images: Tensor) -> Tensor:
        means = images.mean(1).unfold(1, self.block, self.block).unfold(2, self.block, self.block).mean((-1, -2))
        return ((means + 1) / 2 * (self.codes - 1)).round().long()

    def _decode(self, tokens: Tensor) -> Tensor:
        values = tokens.float() / (self.codes - 1) * 2 - 1
        wide = values.repeat_interleave(self.block, 1).repeat_interleave(self.block, 2)
        return wide.unsqueeze(1).expand(-1, self.channels, -1, -1)


def write_blocks(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int] = (8, 8),
    channels: int = 1,
    block: int = 4,
    codes: int = 16,
) -> Path:
    """Writes such a tokenizer to a folder, and has `dguide.tokenizers.load` read it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps([size, channels, block, codes]))

    def load(path: str | Path, device: str = "cpu", *, size: object = None) -> Tokenizer:
        sides, *others = json.loads((Path(path) / "tokenizer.json").read_text())
        return Blocks((sides[0], sides[1]), *others)

    monkeypatch.setattr(tokenizers, "load", load)
    return folder
