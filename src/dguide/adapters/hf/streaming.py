"""Texts while they are made: drafts of all of them, or the tokens of one as far as it is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import torch

from ...errors import bad
from ...samplers import Run, State
from .request import Request

__all__ = ["Streamer", "stream_of"]


class Streamer(Protocol):
    """Is shown texts while they are made.

    >>> class Print:
    ...     def draft(self, texts):
    ...         print(texts)
    ...     def final(self, texts):
    ...         print("at last", texts)
    >>> Print().draft({0: "The [MASK] sat"})
    {0: 'The [MASK] sat'}
    """

    def draft(self, texts: Mapping[int, str]) -> None:
        """A step was taken: the texts by the number of their prompt, with the mask token where nothing stands yet."""

    def final(self, texts: Mapping[int, str]) -> None:
        """All is done: the texts as they are in the result."""


class Stream(ABC):
    """What a sampler is told to call after each step: hands what it has to a streamer."""

    @abstractmethod
    def __call__(self, run: Run, state: State) -> None:
        """A step was taken."""

    @abstractmethod
    def close(self, texts: tuple[str, ...], tokens: tuple[int, ...]) -> None:
        """All is done; `tokens` are those of the first prompt."""


class _Drafts(Stream):
    """Drafts for a `Streamer`."""

    def __init__(self, streamer: Streamer, asked: Request) -> None:
        self.streamer, self.asked = streamer, asked

    def __call__(self, run: Run, state: State) -> None:
        if type(state) is State:  # rows of particles are no samples yet
            rows = zip(run.rows.tolist(), state.tokens.tolist(), strict=True)
            self.streamer.draft({number: self.asked.text(number, tokens) for number, tokens in rows})

    def close(self, texts: tuple[str, ...], tokens: tuple[int, ...]) -> None:
        self.streamer.final(dict(enumerate(texts)))


class _Words(Stream):
    """The tokens of one text for a streamer of transformers, such as `TextStreamer`: from the left, each once.

    A token is shown when all before it are decided and nothing can change it any more.
    """

    def __init__(self, streamer: Any, asked: Request) -> None:
        (self.canvas,) = asked.canvases
        self.streamer, self.asked, self.shown, self.begun = streamer, asked, 0, False

    def __call__(self, run: Run, state: State) -> None:
        if type(state) is State:
            (row,), (masked,) = state.tokens.tolist(), run.movable(state.tokens).tolist()
            known = masked.index(True) if True in masked else len(row)
            self._show(self.asked.kept(0, row)[:known])

    def close(self, texts: tuple[str, ...], tokens: tuple[int, ...]) -> None:
        self._show(tokens)
        self.streamer.end()

    def _show(self, tokens: tuple[int, ...]) -> None:
        if not self.begun:
            self.streamer.put(torch.tensor([self.canvas.tokens[: self.canvas.holes[0]]]))
            self.begun = True
        for token in tokens[self.shown :]:
            self.streamer.put(torch.tensor([token]))
            self.shown += 1


def stream_of(streamer: Streamer | Any, asked: Request) -> Stream:
    """The stream into a streamer of the user.

    Args:
        streamer: A `Streamer`, or one of transformers, with `put` and `end`.
        asked: What is to be generated.

    Raises:
        ValueError: For an object of another kind, and for a streamer of transformers where it cannot be served.
    """
    if all(callable(getattr(streamer, name, None)) for name in ("draft", "final")):
        return _Drafts(streamer, asked)
    name = f"streamer {type(streamer).__name__}"
    if not all(callable(getattr(streamer, each, None)) for each in ("put", "end")):
        raise bad(name, "no such methods", "draft(texts) and final(texts), or put(tokens) and end() of transformers")
    wrong = {
        f"{len(asked.canvases)} prompts": len(asked.canvases) > 1,
        "masks in the prompt": asked.filled,
        "a sampler that changes decided tokens": asked.sampler.revisits,
    }
    for got in (got for got, found in wrong.items() if found):
        remedy = "An object with draft(texts) and final(texts) shows all texts as they are."
        raise bad(name, got, "one text that is written from the left", remedy)
    return _Words(streamer, asked)
