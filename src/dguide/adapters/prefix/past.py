"""Keys and values in a cache of transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from ...errors import require
from ...noise import Noise
from ..calling import dtype_of, logits_of
from ..convention import Convention
from ..times import told_time
from ..vocabulary import as_logits, as_read
from .attention import block_causal
from .layout import Layout

__all__ = ["PastKeyValues"]

_AT_ONCE = 512
"""About how many columns are computed in one call: a model answers with logits of all of them."""


class PastKeyValues:
    """`dguide.denoiser.Prefix` of a model that is called with a cache of transformers and `use_cache`."""

    def __init__(
        self, module: Callable[..., Any], convention: Convention, noise: Noise, layout: Layout, labels: Tensor | None
    ) -> None:
        assert convention.block is not None
        self.module, self.convention, self.noise, self.layout, self.labels = module, convention, noise, layout, labels
        self.block = convention.block
        self.cache_class = require("transformers", "transformers").DynamicCache
        self.cache = self.cache_class()
        self.filled = 0
        self.all_rows = torch.arange(len(layout.begin), device=layout.begin.device)

    def append(self, tokens: Tensor) -> None:
        """The present block, and any behind it, are final: `tokens` [R, n size] of all rows."""
        self._read_prompts()
        self._keep(tokens)

    def __call__(self, tokens: Tensor, time: Tensor, rows: Tensor) -> Tensor:
        """Logits [r, n, V] of the present block from its `tokens` [r, size] and `time` [r]."""
        self._read_prompts()
        tokens = tokens[:, : self.layout.last - self.filled]
        whole = len(rows) == len(self.all_rows)
        cache = self.cache if whole and self.filled else self._chosen(rows)
        answer = self._answer(tokens, time, rows, cache, keep=False)
        if cache is self.cache and cache.get_seq_length() > self.filled:
            cache.crop(self.filled - cache.get_seq_length())
        return as_logits(self.convention, answer)

    def _read_prompts(self) -> None:
        """Compute the prompts before the first block, once."""
        if not self.filled and self.layout.first:
            self._keep(self.layout.front[:, : self.layout.first])

    def _keep(self, tokens: Tensor) -> None:
        """Add columns that are final; blocks end with the last one."""
        stop, first = self.filled + tokens.shape[1], self.filled
        step = max(_AT_ONCE // self.block, 1) * self.block
        clean = tokens.new_zeros(len(tokens), dtype=torch.get_default_dtype())
        for end in range(stop, first, -step)[::-1]:
            self._answer(tokens[:, self.filled - first : end - first], clean, self.all_rows, self.cache, keep=True)
            self.filled = end

    def _answer(self, tokens: Tensor, time: Tensor, rows: Tensor, cache: Any, keep: bool) -> Tensor:
        """What the model answers for the next columns of some rows."""
        told, layout, stop = self.convention, self.layout, self.filled + tokens.shape[1]
        first = torch.tensor([layout.first], device=tokens.device)
        more = {told.cache_as: cache, "use_cache": True}
        if told.cache == "past-stored":
            more["store_kv"] = keep
        return logits_of(
            self.module,
            told,
            layout.tokens(self.filled, as_read(told, tokens), rows),
            time=told_time(told, self.noise, time),
            labels=None if self.labels is None else self.labels[rows],
            attention=block_causal(told, first, layout.real(stop, rows), tokens.shape[1], dtype_of(self.module)),
            places=layout.places(self.filled, stop, rows),
            more=more,
        )

    def _chosen(self, rows: Tensor) -> Any:
        """A cache of some rows."""
        cache = self.cache_class()
        if self.filled:
            for layer, (keys, values) in enumerate(_layers(self.cache)):
                cache.update(keys[rows], values[rows], layer)
        return cache


def _layers(cache: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """Keys and values of each layer. They are attributes of the cache itself before transformers 4.56."""
    if hasattr(cache, "layers"):
        return ((layer.keys, layer.values) for layer in cache.layers)
    return zip(cache.key_cache, cache.value_cache, strict=True)
