"""What a tokenizer of images is: pictures become rows of tokens, and tokens become pictures again."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ..denoiser import shown
from ..devices import on_cpu
from ..errors import bad
from ..files import replacing
from ..progress import counted

__all__ = ["BATCH", "Tokenizer"]

BATCH = 16
"""Pictures in one call of a network, if the tokenizer says no other number."""


@contextmanager
def _repeatable() -> Iterator[None]:
    """Convolutions on a GPU that give the same sums each time, in full float32; on a CPU they do anyway."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


class Tokenizer(ABC):
    r"""Turns a picture of H x W pixels into L = rows x columns tokens, and back, with a loss of detail.

    A picture has the same tokens in any batch and at any place in it, on one machine with one version of PyTorch.
    Another machine or device rounds sums differently. Where a value lies within rounding of the border between two
    codes, its token can then be another one: a neighbour, which stands for almost the same picture.

    Attributes:
        height: Rows of pixels H.
        width: Columns of pixels W.
        channels: 1 for grey pictures, 3 for RGB.
        grid: Rows and columns of tokens.
        codes: Number V of codes. Tokens are 0 to V - 1.
        digest: SHA-256 of what determines the tokens and pictures, in hexadecimal.
        files: Names of the files that `dguide.tokenizers.load` reads in the folder of a tokenizer of this kind.
        batch: Pictures in one call of the network. A last batch is filled up, so every call has the same shape.
    """

    height: int
    width: int
    channels: int
    grid: tuple[int, int]
    codes: int
    digest: str
    files: ClassVar[tuple[str, ...]] = ()
    batch: ClassVar[int] = BATCH

    @property
    def length(self) -> int:
        """Number L of tokens of a picture."""
        return self.grid[0] * self.grid[1]

    @on_cpu
    @_repeatable()
    @torch.no_grad()
    def encode(self, images: Tensor, title: str | None = None) -> Tensor:
        """The tokens of pictures.

        Args:
            images: Pictures, [N, H, W, C] uint8.
            title: What a bar in the terminal says during long work; None for no bar.

        Returns:
            Tokens, [N, L] int64, row by row, on the CPU.

        Raises:
            ValueError: If the pictures have another dtype or shape.
        """
        sides = (self.height, self.width, self.channels)
        if (
            not isinstance(images, Tensor)
            or images.dtype != torch.uint8
            or images.shape[1:] != sides
            or images.ndim != 4
        ):
            expected = f"torch.uint8 [N, {', '.join(map(str, sides))}], of this tokenizer"
            raise bad("images", shown(images), expected, "Rows, columns and channels are the last three dimensions.")
        tokens = [
            self._encode(part.permute(0, 3, 1, 2).float() / 127.5 - 1).flatten(1)[:count].cpu()
            for part, count in _batches(images, title, self.batch)
        ]
        return torch.cat(tokens) if tokens else torch.zeros(0, self.length, dtype=torch.int64)

    @on_cpu
    @_repeatable()
    @torch.no_grad()
    def decode(self, tokens: Tensor, title: str | None = None) -> Tensor:
        """The pictures that tokens stand for.

        Args:
            tokens: Tokens, [..., L] int64, row by row.
            title: As in `encode`.

        Returns:
            Pictures, [..., H, W, C] uint8, on the CPU.

        Raises:
            ValueError: If the tokens have another dtype or length, or are no codes.
        """
        shape = tokens.shape[-1:] if isinstance(tokens, Tensor) else None
        if shape != (self.length,) or tokens.dtype != torch.int64:
            rows, columns = self.grid
            expected = f"torch.int64 [..., {self.length}], {rows} x {columns} tokens of this tokenizer"
            raise bad("tokens", shown(tokens), expected)
        if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < self.codes:
            raise bad("tokens", f"{int(tokens.min())} to {int(tokens.max())}", f"codes from 0 to {self.codes - 1}")
        pictures = torch.zeros(tokens.shape[:-1].numel(), self.height, self.width, self.channels, dtype=torch.uint8)
        done = 0
        for part, count in _batches(tokens.reshape(-1, self.length), title, self.batch):
            drawn = ((self._decode(part.unflatten(1, self.grid)) + 1) * 127.5).clamp(0, 255).round()
            pictures[done : done + count] = drawn.permute(0, 2, 3, 1)[:count].to("cpu", torch.uint8)
            done += count
        return pictures.reshape(*tokens.shape[:-1], *pictures.shape[1:])

    def copy(self, source: Path, target: Path) -> None:
        """Copies what `dguide.tokenizers.load` reads from the folder `source` of this tokenizer to another folder."""
        for name in self.files:
            with replacing(target / name) as temporary:
                shutil.copyfile(source / name, temporary)

    @abstractmethod
    def _encode(self, images: Tensor) -> Tensor:
        """Tokens [B, rows, columns] int64 of `batch` pictures [B, C, H, W] in [-1, 1], on any device."""

    @abstractmethod
    def _decode(self, tokens: Tensor) -> Tensor:
        """Pictures [B, C, H, W] in [-1, 1], or a little beyond, of `batch` rows of tokens [B, rows, columns]."""


def _batches(rows: Tensor, title: str | None, batch: int) -> Iterator[tuple[Tensor, int]]:
    """`batch` rows at a time, and how many of them count; the last batch is filled up with zeros."""
    starts = range(0, len(rows), batch)
    for start in starts if title is None else counted(starts, len(starts), title):
        part = rows[start : start + batch].cpu()
        full = part.new_zeros(batch, *part.shape[1:])
        full[: len(part)] = part
        yield full, len(part)
