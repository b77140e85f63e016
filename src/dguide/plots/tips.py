"""Values of points, which a page shows under the pointer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["tell", "tips"]


def tell(artist: Any, texts: Sequence[str]) -> None:
    """Gives each mark of an artist of Matplotlib a text, in the order of the marks.

    Marks are those of a line, a scatter plot, or the bars or lines of a collection.
    """
    artist.dguide_tips = tuple(texts)


def tips(figure: Any) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """The artists of a figure that `tell` gave texts to, with these."""
    for artist in figure.findobj(lambda each: hasattr(each, "dguide_tips")):
        yield artist, artist.dguide_tips
