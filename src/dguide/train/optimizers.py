"""Chooses the optimizer of each parameter."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from ..nn import DiffusionTransformer
from .config import Settings
from .muon import Muon, Scale

__all__ = ["MOMENTS", "divided", "optimizers"]

MOMENTS: dict[type[Optimizer], set[str]] = {AdamW: {"step", "exp_avg", "exp_avg_sq"}, Muon: {"momentum"}}
"""What each optimizer remembers of a parameter after its first step."""


def optimizers(model: DiffusionTransformer, config: Settings) -> list[Optimizer]:
    """AdamW for all parameters; or Muon for the matrices of the blocks, and AdamW for the rest."""
    return divided(model, config, _of_tokens(model.blocks))


def divided(
    model: nn.Module,
    config: Settings,
    matrices: list[torch.Tensor],
    scale: Scale = "match_rms_adamw",
    beside: float = 1.0,
) -> list[Optimizer]:
    """AdamW for all parameters; or Muon for `matrices`, and AdamW for the rest, at `beside` times the rate."""
    matrices = matrices if config.optimizer == "muon" else []
    share = beside if matrices else 1.0
    taken = set(map(id, matrices))
    rest = [p for p in model.parameters() if id(p) not in taken]
    groups = [
        {"params": [p for p in rest if p.dim() > 1], "weight_decay": config.weight_decay, "share": share},
        {"params": [p for p in rest if p.dim() <= 1], "weight_decay": 0.0, "share": share},
    ]
    result: list[Optimizer] = [AdamW(groups, lr=config.rate, betas=(0.9, 0.99))]
    if matrices:
        half = torch.bfloat16 if config.precision == "bf16" else None
        result.append(Muon(matrices, lr=config.rate, weight_decay=config.weight_decay, scale=scale, dtype=half))
    return result


def _of_tokens(blocks: nn.Module) -> list[torch.Tensor]:
    """Weight matrices of the blocks, without the modulations, which act on conditions."""
    return [p for name, p in blocks.named_parameters() if p.dim() == 2 and "modulation" not in name]
