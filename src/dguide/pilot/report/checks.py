"""Checks of the values in a report, each of which yields what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized

__all__ = ["empty", "listed", "one_of", "picture"]

_PNG = b"\x89PNG\r\n\x1a\n"


def empty(**values: Sized) -> Iterator[str]:
    """Values that are empty: texts without a letter, and containers without an item."""
    for name, value in values.items():
        if not len(value.strip() if isinstance(value, str) else value):
            yield f"{name}: got nothing, expected {'a text' if isinstance(value, str) else 'at least one'}"


def listed(name: str, texts: Sequence[str]) -> Iterator[str]:
    """One text where several were expected, whose letters would be taken for texts; and empty texts."""
    if isinstance(texts, str):
        yield f"{name}: got the text {texts!r}, expected a tuple of texts"
        return
    for number, text in enumerate(texts):
        yield from empty(**{f"{name}[{number}]": text})


def one_of(name: str, value: object, values: Sequence[str]) -> Iterator[str]:
    """A value that is not among those that there are."""
    if value not in values:
        yield f"{name}: got {value!r}, expected one of {', '.join(values)}"


def picture(name: str, data: bytes) -> Iterator[str]:
    """Bytes that are no PNG file."""
    if not isinstance(data, bytes) or not data.startswith(_PNG):
        yield f"{name}: got {data[:8]!r}..., expected the bytes of a PNG file"
