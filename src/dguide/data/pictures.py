"""Pictures as bytes, on disk rather than in memory: a set may be larger than the memory."""

from __future__ import annotations

import hashlib
import math
import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from ..errors import bad
from .cache import nameless
from .codecs.images import Bytes

__all__ = ["Pictures", "Writer", "grey_alone"]

_AT_ONCE = 2**22
"""Bytes of the pictures that are converted at once. It limits the memory, which floats need eight times."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of one size, 8 bits for each channel.

    Args:
        array: All pictures of the source, [M, H, W, C] uint8 with C = 1 (grey) or 3 (red, green and blue). It may be a
            `numpy.memmap`, of which only the rows in use are in memory.
        rows: The numbers of these pictures in `array`, [N] int64.

    Raises:
        ValueError: If the array has another form.
    """

    array: Bytes
    rows: Tensor

    def __post_init__(self) -> None:
        if self.array.dtype != np.uint8 or self.array.ndim != 4 or self.array.shape[3] not in (1, 3):
            got = f"{self.array.dtype} of shape {list(self.array.shape)}"
            raise bad("pictures", got, "uint8 of shape [M, H, W, 1] or [M, H, W, 3]")

    @classmethod
    def of(cls, array: Bytes) -> Pictures:
        """All pictures of an array."""
        return cls(array, torch.arange(len(array)))

    @classmethod
    def filed(cls, chunks: Iterable[Bytes], shape: tuple[int, int, int]) -> Pictures:
        """Pictures in a file without a name: all of them may not fit into the memory.

        Args:
            chunks: Some pictures after the others, [n, H, W, C] uint8.
            shape: H, W and C.
        """
        count = 0
        with nameless() as file:
            for chunk in chunks:
                file.write(chunk.tobytes())
                count += len(chunk)
            file.flush()
            if not count:  # there is no map of an empty file
                return cls.of(np.zeros((0, *shape), dtype=np.uint8))
            return cls.of(np.memmap(file, np.uint8, "r", 0, (count, *shape)))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def height(self) -> int:
        return int(self.array.shape[1])

    @property
    def width(self) -> int:
        return int(self.array.shape[2])

    @property
    def channels(self) -> int:
        """1 for greys, 3 for red, green and blue."""
        return int(self.array.shape[3])

    def take(self, rows: Tensor | slice) -> Pictures:
        """The pictures at `rows`: numbers, a mask or a slice. Nothing is copied."""
        return Pictures(self.array, self.rows[rows])

    def joined(self, other: Pictures) -> Pictures:
        """These pictures and then the others, which are of the same source."""
        if other.array is not self.array:
            raise bad("pictures to join", "those of two sources", "parts of one data set")
        return Pictures(self.array, torch.cat([self.rows, other.rows]))

    def batch(self, rows: Tensor | slice) -> Tensor:
        """A copy of the pictures at `rows`, numbers or a mask, [n, H, W, C] uint8."""
        copy = np.asarray(self.array)[self.rows[rows].numpy()]  # rows by their numbers are a copy
        _release(self.array)
        return torch.from_numpy(copy)

    def slices(self, multiple: int = 1) -> list[slice]:
        """The rows of all of them in turn, a few megabytes at a time.

        Args:
            multiple: Pictures at a time are a multiple of this number, however large they are.
        """
        fitting = _AT_ONCE // max(1, self.height * self.width * self.channels)
        step = max(1, fitting // multiple) * multiple
        return [slice(start, start + step) for start in range(0, len(self), step)]

    def chunks(self) -> Iterator[Bytes]:
        """All of them in turn, as copies [n, H, W, C] of a few megabytes."""
        for rows in self.slices():
            yield self.batch(rows).numpy()

    def digests(self) -> Bytes:
        """SHA-256 of each picture, [N, 32] uint8."""
        found = [hashlib.sha256(picture.tobytes()).digest() for chunk in self.chunks() for picture in chunk]
        return np.frombuffer(b"".join(found), dtype=np.uint8).reshape(-1, 32)


def grey_alone(picture: Bytes) -> bool:
    """Whether red, green and blue are equal in each pixel of [..., 3]."""
    return bool((picture[..., :1] == picture[..., 1:]).all())


class Writer:
    """Writes pictures one by one to a file in the format .npy, with one channel as long as all of them are grey.

    It writes to the file, and not to a map of it in memory: a full disk is then an error and no signal.

    Args:
        file: An empty file, open to read and to write.
        count: Number M of pictures in the file. Those that are never written are black.
    """

    def __init__(self, file: BinaryIO, count: int) -> None:
        self._file, self._count = file, count
        self._size = 0, 0, 0
        self._begin, self._last = 0, -1

    def put(self, row: int, picture: Bytes) -> None:
        """Writes picture [H, W, 3] as number `row`. The size is that of the first."""
        channels = 1 if grey_alone(picture) else 3
        if self._last < 0:
            self._size = picture.shape[0], picture.shape[1], channels
            self._begin = self._header()
        elif channels > self._size[2]:
            self._add_colour()
        self._write(row, picture[..., : self._size[2]])
        self._last = max(self._last, row)

    def array(self) -> Bytes:
        """What was written, [M, H, W, C], as a map of the file that cannot be written to."""
        self._header()  # again: the number of channels may have changed, which changes no length
        self._file.truncate(self._begin + self._count * math.prod(self._size))
        self._file.flush()
        return np.memmap(self._file, np.uint8, "r", self._begin, (self._count, *self._size))

    def _header(self) -> int:
        """Writes the header, and returns where the pictures begin."""
        self._file.seek(0)
        about = {"descr": "|u1", "fortran_order": False, "shape": (self._count, *self._size)}
        np.lib.format.write_array_header_1_0(self._file, about)
        return self._file.tell()

    def _write(self, row: int, picture: Bytes) -> None:
        self._file.seek(self._begin + row * math.prod(self._size))
        self._file.write(picture.tobytes())

    def _add_colour(self) -> None:
        """Gives three channels to the pictures so far: the last first, since each needs the room of those behind it."""
        height, width, _ = self._size
        self._size = height, width, 3
        for row in range(self._last, -1, -1):
            self._file.seek(self._begin + row * height * width)
            grey = np.frombuffer(self._file.read(height * width), dtype=np.uint8).reshape(height, width, 1)
            self._write(row, np.broadcast_to(grey, self._size))


def _release(array: Any) -> None:
    """Gives back the memory of what was read through a map of a file. The system reads it again if it must."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)
