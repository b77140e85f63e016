"""Tokenizers so small that they cost nothing, with random weights."""

from __future__ import annotations

import torch
from torch import Tensor

from dguide.tokenizers import Autoencoder, LearntTokenizer


def tiny(channels: int = 1, factor: int = 4, height: int = 16, width: int = 24) -> LearntTokenizer:
    """A tokenizer whose random codes are spread over the whole range."""
    network = Autoencoder(channels, (8, 5, 5), factor, width=8)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 1.5 * parameter[0].numel() ** -0.5, generator=generator)
    return LearntTokenizer(network, height, width)


def pictures(count: int, tokenizer: LearntTokenizer, seed: int = 0) -> Tensor:
    """Random pictures [N, H, W, C] uint8 of the size of a tokenizer, smooth in some places."""
    generator = torch.Generator().manual_seed(seed)
    sides = (tokenizer.height // 4, tokenizer.width // 4, tokenizer.channels)
    coarse = torch.randint(0, 200, (count, *sides), generator=generator)
    full = coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)
    return (full + torch.randint(0, 56, full.shape, generator=generator)).to(torch.uint8)
