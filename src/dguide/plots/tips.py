"""Values of points, which a page shows under the pointer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["tell", "tips"]


def tell(artist: Any, texts: Sequence[str]) -> None:
    """Gives each mark of an artist of Matplotlib a text, in the order of the marks.

    Marks are those of a line, a scatter plot, or the bars or lines of a collection.
    """
    artist.dguide_tips = tuple(texts)


def tips(figure: Any) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """The artists of a figure that `tell` gave texts to, with those of the marks that are drawn.

    A line has no mark where its figure is unknown (nan).
    """
    for artist in figure.findobj(lambda each: hasattr(each, "dguide_tips")):
        texts = artist.dguide_tips
        drawn = np.isfinite(artist.get_xydata()).all(1) if hasattr(artist, "get_xydata") else np.ones(len(texts), bool)
        yield artist, tuple(np.compress(drawn, texts).tolist()) if len(drawn) == len(texts) else texts
