"""A small block-causal language model with random weights, in the published ways to call one with its cache."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

WIDTH, LAYERS = 16, 2


class Layer(nn.Module):
    """Attention with rotary positions, and a step of a gated network."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        shapes = {"read": (WIDTH, 3 * WIDTH), "write": (WIDTH, WIDTH), "up": (WIDTH, WIDTH)}
        for name, (rows, columns) in shapes.items():
            drawn = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
            setattr(self, name, nn.Parameter(1.5 * drawn / math.sqrt(rows)))
        self.kv_cache: Tensor | None = None  # as BD3LM has them
        self.cache_idx = 0

    def forward(self, x: Tensor, qkv: Tensor, places: Tensor, seen: Tensor | None) -> Tensor:
        """The present tokens `x` [b, q, W] from queries, keys and values [b, S, 3 W], of which theirs are the last."""
        query, key, value = qkv.chunk(3, -1)
        query, key = rotated(query[:, -x.shape[1] :], places[..., -x.shape[1] :]), rotated(key, places)
        scores = query @ key.mT / math.sqrt(WIDTH)
        x = x + (scores if seen is None else scores + seen).softmax(-1) @ value @ self.write
        return x + torch.tanh(x @ self.up)


def rotated(x: Tensor, places: Tensor) -> Tensor:
    """Pairs of numbers, turned by angles that grow with the place."""
    angle = places[..., None] / 50 ** torch.linspace(0, 1, WIDTH // 2, dtype=torch.float64)
    first, second = x.chunk(2, -1)
    return torch.cat((first * angle.cos() - second * angle.sin(), first * angle.sin() + second * angle.cos()), -1)


class BlockCausal(nn.Module):
    """What both share. `work` counts tokens times layers."""

    def __init__(self, vocab: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.token = nn.Parameter(2 * torch.randn(vocab, WIDTH, generator=generator, dtype=torch.float64))
        self.out = nn.Parameter(torch.randn(vocab, WIDTH, generator=generator, dtype=torch.float64))
        self.layers = nn.ModuleList(Layer(generator) for _ in range(LAYERS))
        self.work = 0

    def head(self, x: Tensor) -> Any:
        return SimpleNamespace(logits=x @ self.out.T / 10)


class Past(BlockCausal):
    """`model(input_ids, attention_mask, position_ids, past_key_values, use_cache)`, as LLaDA2 and SDAR are called.

    The mask is bool, or 0 and -inf. Where it is told of `store_kv`, the cache is added to with `store_kv=True` alone.
    """

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        past_key_values: Any = None,
        use_cache: bool = False,
        store_kv: bool | None = None,
    ) -> Any:
        x, mask = self.token[input_ids], attention_mask[:, 0]
        seen = torch.zeros(mask.shape).masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else mask
        self.work += LAYERS * input_ids.numel()
        for number, layer in enumerate(self.layers):
            query, key, value = (x @ layer.read).chunk(3, -1)
            key = rotated(key, position_ids)
            if past_key_values is not None and store_kv is not False:
                assert use_cache
                key, value = past_key_values.update(key, value, number)
            elif past_key_values is not None and past_key_values.get_seq_length():
                kept = past_key_values.layers[number]
                key, value = torch.cat((kept.keys, key), -2), torch.cat((kept.values, value), -2)
            scores = rotated(query, position_ids) @ key.mT / math.sqrt(WIDTH) + seen
            x = x + scores.softmax(-1) @ value @ layer.write
            x = x + torch.tanh(x @ layer.up)
        return self.head(x)


class Inside(BlockCausal):
    """`model(input_ids, timesteps, sample_mode=True, store_kv=)` with a cache in its layers, as BD3LM is called."""

    def __init__(self, vocab: int, block: int, longest: int) -> None:
        super().__init__(vocab)
        self.config = SimpleNamespace(model_length=longest, hidden_dim=WIDTH, block_size=block)

    def forward(self, input_ids: Tensor, timesteps: Tensor, sample_mode: bool, store_kv: bool = False) -> Any:
        assert sample_mode
        self.work += LAYERS * input_ids.numel()
        x, size, block = self.token[input_ids], input_ids.shape[1], self.config.block_size
        number = torch.arange(size) // block
        seen = torch.zeros(size, size).masked_fill(number.unsqueeze(1) < number, -math.inf)
        for layer in self.layers:
            qkv, mask = x @ layer.read, seen
            if layer.kv_cache is not None:
                assert size == block
                end = layer.cache_idx + block
                layer.kv_cache[:, layer.cache_idx : end] = qkv
                qkv, mask = layer.kv_cache[:, :end].clone(), torch.zeros(())
                layer.cache_idx = end if store_kv else layer.cache_idx
            x = layer(x, qkv, torch.arange(qkv.shape[1]), mask)
        return self.head(x)
