"""Keys and values that a model keeps in itself, as BD3LM does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import bad
from ...noise import Noise
from ..calling import device_of, dtype_of, logits_of
from ..convention import Convention
from ..times import told_time
from ..vocabulary import as_logits, as_read

__all__ = ["InsideModel"]


class InsideModel:
    """`dguide.denoiser.Prefix` of a model with attributes `kv_cache` and `cache_idx` in its layers, and `store_kv`.

    The tensors are made here, in the dtype and on the device of the model, and lent to its layers for each call: the
    `reset_kv_cache` of the published code has them in bfloat16 on a GPU, which rounds, and keeps them after the run.
    """

    def __init__(
        self,
        module: Callable[..., Any],
        convention: Convention,
        noise: Noise,
        count: int,
        labels: Tensor | None,
        length: int,
    ) -> None:
        assert convention.block is not None
        self.module, self.convention, self.noise, self.labels = module, convention, noise, labels
        self.block, self.filled = convention.block, 0
        modules = module.modules() if isinstance(module, nn.Module) else ()
        self.layers: list[Any] = [each for each in modules if hasattr(each, "kv_cache") and hasattr(each, "cache_idx")]
        width, longest = _sizes(module, convention.block, bool(self.layers))
        if length % self.block or length > longest:
            expected = f"a multiple of the block, {self.block}, of at most {longest}"
            raise bad("length", length, expected, "The cache of the model holds whole blocks.")
        shape = count, longest, 3 * width
        self.kept = [torch.zeros(shape, dtype=dtype_of(module), device=device_of(module)) for _ in self.layers]

    def append(self, tokens: Tensor) -> None:
        """The present block, and any behind it, are final: `tokens` [R, n size] of all rows."""
        rows = torch.arange(len(tokens), device=tokens.device)
        clean = tokens.new_zeros(len(tokens), dtype=torch.get_default_dtype())
        for part in tokens.split(self.block, 1):
            self._answer(part, clean, rows, keep=True)
            self.filled += self.block

    def __call__(self, tokens: Tensor, time: Tensor, rows: Tensor) -> Tensor:
        """Logits [r, size, V] of the present block from its `tokens` [r, size] and `time` [r]."""
        return as_logits(self.convention, self._answer(tokens, time, rows, keep=False))

    def _answer(self, tokens: Tensor, time: Tensor, rows: Tensor, keep: bool) -> Tensor:
        told = self.convention
        with self._lent(rows):
            return logits_of(
                self.module,
                told,
                as_read(told, tokens),
                time=told_time(told, self.noise, time),
                labels=None if self.labels is None else self.labels[rows],
                more={"store_kv": keep},
            )

    @contextmanager
    def _lent(self, rows: Tensor) -> Iterator[None]:
        """Some rows of the cache in the layers of the model."""
        whole = len(rows) == len(self.kept[0])
        for layer, kept in zip(self.layers, self.kept, strict=True):
            layer.kv_cache, layer.cache_idx = kept if whole else kept[rows], self.filled
        try:
            yield
        finally:
            for layer in self.layers:
                layer.kv_cache, layer.cache_idx = None, 0


def _sizes(module: object, block: int, layers: bool) -> tuple[int, int]:
    """Width and longest sequence of the model by its configuration. Raises `ValueError` for one that is none such."""
    config = getattr(module, "config", None)
    width, longest, own = (getattr(config, name, None) for name in ("hidden_dim", "model_length", "block_size"))
    if not layers or width is None or longest is None:
        expected = "layers with kv_cache and cache_idx, and a config with hidden_dim and model_length"
        raise bad("cache of the model", type(module).__name__, expected, "Use cache='none'.")
    if own not in (None, block):
        raise bad("Convention block", block, f"{own}, the block_size of the model")
    return width, longest
