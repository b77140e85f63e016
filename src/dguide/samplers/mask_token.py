"""Whether a network may mean another token by the mask than the process does."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..process import Process
from .first_call import modules_in

__all__ = ["watched"]

_PADDED = (64, 128)
"""Multiples to which libraries pad the rows of an embedding."""


@contextlib.contextmanager
def watched(model: object, tokens: Tensor, process: Process) -> Iterator[None]:
    """Warn if an embedding that the network calls with `tokens` has rows for more tokens than the process has.

    Only a process whose mask is no column of the logits is in question: its mask is a token that nobody named. Rows up
    to the next multiple of 64 or 128 are no tokens: libraries pad embeddings to it.
    """
    wide: list[nn.Embedding] = []
    if process.point_mass and process.input_size > process.vocab_size:
        found = {id(part): part for each in modules_in(model) for part in each.modules()}.values()
        size = process.input_size
        usual = {multiple * -(-size // multiple) for multiple in _PADDED}
        embeddings = [part for part in found if isinstance(part, nn.Embedding)]
        wide = [each for each in embeddings if each.num_embeddings > size and each.num_embeddings not in usual]
    told: list[int] = []

    def look(embedding: nn.Embedding) -> Callable[[nn.Module, tuple[object, ...]], None]:
        def hook(module: nn.Module, given: tuple[object, ...]) -> None:
            # Embeddings of positions and labels may be larger.
            ids = given[0] if given else None
            if isinstance(ids, Tensor) and ids.ndim == 2 and _of(ids, tokens):
                told.append(embedding.num_embeddings)

        return hook

    handles = [embedding.register_forward_pre_hook(look(embedding)) for embedding in wide]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    if told:
        mask, vocab = process.noise_token, process.vocab_size
        warnings.warn(
            f"the network reads {told[0]} tokens and predicts {vocab}, and {type(process).__name__} takes its mask to "
            f"be token {mask}. If its mask is another token: {type(process).__name__}(vocab_size=..., mask_id=...)",
            UserWarning,
            stacklevel=3,
        )


def _of(ids: Tensor, tokens: Tensor) -> bool:
    """Whether `ids` [B, S] are `tokens` [B, L], with a prompt in front of them, or a block of them."""
    count, length = ids.shape[1], tokens.shape[1]
    if count >= length:
        return torch.equal(ids[:, -length:], tokens)
    return any(torch.equal(ids, tokens[:, start : start + count]) for start in range(length - count + 1))
