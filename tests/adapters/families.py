"""Small models called as published families are: exact laws behind their interfaces, and a random language model."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import torch
from helpers import table
from torch import Tensor, nn

from dguide import Masked, Process, Uniform
from dguide.exact import Oracle

LENGTH, WORDS = 3, 4


def tables(process: Process) -> list[Tensor]:
    """Joint laws of two classes, and of both together. They give mass to tokens 0 to 3 only."""
    laws = []
    for seed in (3, 5):
        law = torch.zeros([process.vocab_size] * LENGTH, dtype=torch.float64)
        law[:WORDS, :WORDS, :WORDS] = table(WORDS, LENGTH, seed, sharpness=2.0)
        laws.append(law)
    return [*laws, (laws[0] + laws[1]) / 2]


def exact(process: Process) -> Oracle:
    """The exact denoiser of two classes; the null label is 2."""
    *cond, uncond = tables(process)
    return Oracle(process, cond, uncond)


def data(process: Process, count: int = 256, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Sequences of the two classes, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    size = process.vocab_size
    drawn = [torch.multinomial(law.flatten(), count, True, generator=generator) for law in tables(process)[:2]]
    code = torch.where(labels == 0, *drawn)
    return (code.unsqueeze(1) // size ** torch.arange(LENGTH - 1, -1, -1)) % size, labels


class Sigma(nn.Module):
    """`model(input_ids=, timesteps=sigma, cond=)`, as MDLM, UDLM, Duo and BD3LM are published; linear noise."""

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.told: list[Tensor] = []

    def forward(self, input_ids: Tensor, timesteps: Tensor, cond: Tensor | None = None, **more: Any) -> Any:
        self.told.append(timesteps)
        labels = torch.full_like(input_ids[:, 0], 2) if cond is None else cond
        return SimpleNamespace(logits=self.oracle(input_ids, -torch.expm1(-timesteps), labels))


class Flow(nn.Module):
    """`model(x=, t=)` gives probabilities, t from noise 0 to data 1, as flow_matching calls it."""

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.oracle(x, 1 - t, torch.full_like(x[:, 0], 2)).exp()


class Language(nn.Module):
    """A bidirectional language model with random weights, absolute positions and one layer of attention.

    Called as LLaDA, `model(ids, attention_mask=).logits`, as Dream, `model(ids, "full" or mask, positions).logits`, or
    as a masked language model of transformers.
    """

    def __init__(self, vocab: int, width: int = 16) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64) / math.sqrt(shape[-1]))

        self.token, self.place, self.head = weight(vocab, width), weight(32, width), weight(vocab, width)
        self.query, self.key, self.value = weight(width, width), weight(width, width), weight(width, width)
        self.calls: list[tuple[int, ...]] = []

    def forward(self, input_ids: Tensor, attention_mask: Any = None, position_ids: Tensor | None = None) -> Any:
        self.calls.append(tuple(input_ids.shape))
        places = torch.arange(input_ids.shape[1]) if position_ids is None else position_ids
        x = 3 * (self.token[input_ids] + self.place[places])
        scores = (x @ self.query) @ (x @ self.key).mT
        if isinstance(attention_mask, Tensor):
            square = attention_mask.ndim == 4
            real = attention_mask[:, 0] if square else attention_mask[:, None].bool()
            scores = scores.masked_fill(~real, -math.inf)
        else:
            assert attention_mask in (None, "full")
        x = x + scores.softmax(-1) @ (x @ self.value)
        return SimpleNamespace(logits=4 * x @ self.head.T)


MASKED, POSTERIOR, LOO = Masked(6, mask_id=5), Uniform(4), Uniform(4, prediction="leave-one-out")
"""Token 4 of the first one stands for nothing."""
