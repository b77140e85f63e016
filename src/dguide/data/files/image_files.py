"""Converts images that Pillow reads to tokens. Unreadable images are omitted, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import bad
from ...progress import counted
from ..codecs.images import Bytes, Shape, Unfit, bits_of, colours_of, decoded, pixels, reason, silent
from ..codecs.pixels import Pixels
from .pictures import as_tokens

__all__ = ["Images", "read_images"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Images:
    """Images as tokens.

    Args:
        tokens: Tokens of the readable images, [N, L] int64.
        codec: The codec of the tokens.
        notes: Why an image or a part of it was omitted, by the number of its source.
        unread: Numbers of the omitted sources.
        lasting: Whether another attempt would give the same result. It is false after errors such as permissions, too
            many open files, or a network.
    """

    tokens: NDArray[np.int64]
    codec: Pixels
    notes: dict[int, str]
    unread: list[int]
    lasting: bool


def read_images(
    sources: Sequence[T],
    opened: Callable[[T], Any],
    what: str,
    shape: Shape | None,
    levels: int | None,
    colours: int | None,
) -> Images:
    """Reads images and reduces them to few greys or colours.

    Whole numbers with more than 8 bits are scaled by one range for all images: the bits that any of them uses.

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
    unread: dict[int, str] = {}
    frames: dict[int, int] = {}
    wide: dict[int, int] = {}
    passing: list[int] = []

    def each_decoded(title: str, wanted: Callable[[Any], bool]) -> Iterator[tuple[int, Any]]:
        """Each image that can be read and is wanted, with the number of its source."""
        for index, source in enumerate(counted(sources, len(sources), title)):
            if index in unread:
                continue
            try:
                with silent():
                    image, frames[index] = _decoded(opened(source), wanted)
            except MemoryError:
                raise  # it may be that of the machine
            except Exception as error:  # Pillow raises any class for a damaged file, and only Pillow is called here
                unread[index] = reason(error, source)
                if getattr(error, "errno", None):
                    passing.append(index)
            else:
                if image is not None:
                    yield index, image

    for index, image in each_decoded("measuring images", lambda image: image.mode[0] == "I"):
        wide[index] = bits_of(image)
    bits = max(wide.values(), default=0)
    bits = bits if bits > 8 else 0

    @cache
    def read(smooth: bool) -> list[Bytes]:
        arrays = []
        for index, image in each_decoded("reading images", lambda image: True):
            try:
                plain = colours_of(image, bits)
            except Unfit as error:
                unread[index] = str(error)
            else:
                arrays.append(pixels(plain, shape, smooth))
        sizes = Counter(image.shape[:2] for image in arrays)
        if len(sizes) > 1:
            common = ", ".join(f"{n} of {rows}x{columns}" for (rows, columns), n in sizes.most_common(3))
            raise bad(
                what, f"images of {len(sizes)} sizes ({common})", "one size", "Say which: size=32, or size=24x32."
            )
        return arrays

    if read(colours is None):
        tokens, codec = as_tokens(read, 16 if levels is None and colours is None else levels, colours)
    else:
        tokens, codec = np.zeros((0, 1), dtype=np.int64), Pixels.grey(1, 1, 2)
    notes = {index: f"{count} frames, of which the first is taken" for index, count in frames.items() if count > 1}
    if 8 < bits < 16:
        of_all = (
            f"{bits} of 16 bits are used in all {len(wide)} such images, so they are scaled from 0 to {2**bits - 1}"
        )
        notes |= dict.fromkeys(sorted(wide.keys() - unread.keys())[:1], f"{of_all}; this one stands for all")
    codec = replace(codec, bits=bits)
    return Images(tokens, codec, dict(sorted((notes | unread).items())), sorted(unread), not passing)


def _decoded(opened: Any, wanted: Callable[[Any], bool]) -> tuple[Any, int]:
    """The decoded first frame, upright, with the number of frames; None instead of an image that is not wanted."""
    with opened as image:
        if not wanted(image):
            return None, 1
        frames = int(getattr(image, "n_frames", 1))
        return decoded(image), frames
