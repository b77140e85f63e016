"""Reads images with Pillow, one by one, as pictures or as tokens. Unreadable ones are omitted, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, BinaryIO, Generic, TypeVar

import numpy as np
import torch

from ...errors import bad
from ...progress import counted
from ..cache import nameless
from ..codecs.images import UPPER, Bytes, Shape, Unfit, bits_of, colours_of, decoded, more_bits, pixels, reason, silent
from ..codecs.pixels import Pixels
from ..pictures import Pictures, Writer
from .pictures import as_tokens

__all__ = ["Images", "Reading", "read_images"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Images:
    """Images as tokens.

    Args:
        tokens: Tokens of the readable images, [N, L] uint8.
        codec: The codec of the tokens.
        notes: Why an image or a part of it was omitted, by the number of its source.
        unread: Numbers of the omitted sources.
        lasting: Whether another attempt would give the same result. It is false after errors such as permissions, too
            many open files, or a network.
    """

    tokens: Bytes
    codec: Pixels
    notes: dict[int, str]
    unread: list[int]
    lasting: bool


class Reading(Generic[T]):
    """One attempt to read images.

    Whole numbers with more than 8 bits are scaled by one range for all images: the bits that any of them uses.

    Args:
        sources: The sources of the images.
        opened: Opens one source as a `PIL.Image.Image`, by `open_image`. Whatever it raises, the source is listed.
        what: Their name in errors.
        shape: Rows and columns; None for those of the images.
    """

    def __init__(self, sources: Sequence[T], opened: Callable[[T], Any], what: str, shape: Shape | None) -> None:
        self.sources, self.opened, self.what, self.shape = sources, opened, what, shape
        self.why: dict[int, str] = {}
        self._frames: dict[int, int] = {}
        self._deep = set[int]()
        self._passing = False
        wide = self._each_decoded("measuring images", lambda image: image.mode[0] == "I")
        self._wide = {index: bits_of(image) for index, image in wide}
        bits = max(self._wide.values(), default=0)
        self.bits = bits if bits > 8 else 0

    @property
    def unread(self) -> list[int]:
        """Numbers of the sources that could not be read."""
        return sorted(self.why)

    @property
    def lasting(self) -> bool:
        """Whether another attempt would give the same."""
        return not self._passing

    @property
    def notes(self) -> dict[int, str]:
        """Why an image or a part of it was omitted, by the number of its source."""
        frames = {n: f"{count} frames, of which the first is taken" for n, count in self._frames.items() if count > 1}
        if 8 < self.bits < 16:
            of_all = (
                f"{self.bits} of 16 bits are used in all {len(self._wide)} such images, "
                f"so they are scaled from 0 to {2**self.bits - 1}"
            )
            stands = sorted(self._wide.keys() - self.why.keys())[:1]
            frames |= dict.fromkeys(stands, f"{of_all}; this one stands for all")
        deep = sorted(self._deep - self.why.keys())
        have = "images have" if len(deep) > 1 else "image has"
        frames |= dict.fromkeys(deep[:1], f"{len(deep):,} {have} {UPPER}; this one stands for all")
        return dict(sorted((frames | self.why).items()))

    def into(self, file: BinaryIO, smooth: bool = True) -> Pictures:
        """Reads the images into an empty file in the format .npy, never two of them into memory.

        Args:
            file: The file, open to read and to write.
            smooth: Whether smaller images are means of the pixels that they cover.

        Raises:
            ValueError: If they have several sizes and none is asked for.
        """
        writer, read = Writer(file, len(self.sources)), []
        sizes = Counter[tuple[int, ...]]()
        for index, image in self._each_decoded("reading images", lambda image: True):
            try:
                plain = colours_of(image, self.bits)
            except Unfit as error:
                self.why[index] = str(error)
                continue
            if image.mode[0] != "I" and more_bits(image):
                self._deep.add(index)
            picture = pixels(plain, self.shape, smooth)
            sizes[picture.shape[:2]] += 1
            if len(sizes) == 1:
                writer.put(index, picture)
                read.append(index)
        if len(sizes) > 1:
            common = ", ".join(f"{n} of {rows}x{columns}" for (rows, columns), n in sizes.most_common(3))
            got, remedy = f"images of {len(sizes)} sizes ({common})", "Say which: size=32, or size=24x32."
            raise bad(self.what, got, "one size", remedy)
        array = writer.array() if read else np.zeros((0, 1, 1, 1), dtype=np.uint8)
        return Pictures(array, torch.tensor(read, dtype=torch.int64))

    def _each_decoded(self, title: str, wanted: Callable[[Any], bool]) -> Iterator[tuple[int, Any]]:
        """Each image that can be read and is wanted, with the number of its source."""
        for index, source in enumerate(counted(self.sources, len(self.sources), title)):
            if index in self.why:
                continue
            try:
                with silent():
                    image, self._frames[index] = _decoded(self.opened(source), wanted)
            except MemoryError:
                raise  # it may be that of the machine
            except Exception as error:  # Pillow raises any class for a damaged file, and only Pillow is called here
                self.why[index] = reason(error, source)
                self._passing |= bool(getattr(error, "errno", None))
            else:
                if image is not None:
                    yield index, image


def read_images(
    sources: Sequence[T],
    opened: Callable[[T], Any],
    what: str,
    shape: Shape | None,
    levels: int | None,
    colours: int | None,
) -> Images:
    """Reads images and reduces them to few greys or colours.

    Args:
        sources: The sources of the images.
        opened: Opens one source as a `PIL.Image.Image`, by `open_image`. Whatever it raises, the source is listed.
        what: Their name in errors.
        shape: Rows and columns; None for those of the images.
        levels: Number of greys; 16 if `colours` is not given either.
        colours: Number of colours instead of greys.

    Raises:
        ValueError: If they have several sizes and `shape` is None, or only one colour.
        dguide.errors.MissingExtra: If Pillow is not installed.
    """
    reading = Reading(sources, opened, what, shape)

    @cache
    def read(smooth: bool) -> Pictures:
        with nameless() as file:
            return reading.into(file, smooth)

    if len(read(colours is None)):
        tokens, codec = as_tokens(read, 16 if levels is None and colours is None else levels, colours)
    else:
        tokens, codec = np.zeros((0, 1), dtype=np.uint8), Pixels.grey(1, 1, 2)
    return Images(tokens, replace(codec, bits=reading.bits), reading.notes, reading.unread, reading.lasting)


def _decoded(opened: Any, wanted: Callable[[Any], bool]) -> tuple[Any, int]:
    """The decoded first frame, upright, with the number of frames; None instead of an image that is not wanted."""
    with opened as image:
        if not wanted(image):
            return None, 1
        frames = int(getattr(image, "n_frames", 1))
        return decoded(image), frames
