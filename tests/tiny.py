"""Checkpoints of networks so small that they cost nothing, and know nothing."""

from __future__ import annotations

from pathlib import Path

import torch

from dguide import Masked, Uniform, checkpoint
from dguide.data import describe_attribute, describe_codec, load
from dguide.nn import DiffusionTransformer

DIGITS = load("digits")
PROCESSES = {"masked": Masked(16), "uniform": Uniform(16)}


def save_tiny(path: Path, process: str = "masked") -> Path:
    """A checkpoint of a network for the digits with random weights, in the directory `path`."""
    chosen = PROCESSES[process]
    noise = None if process == "masked" else chosen.noise
    model = DiffusionTransformer(
        16, 10, 64, input_size=chosen.input_size, shape=(8, 8), noise=noise, width=8, layers=1, heads=2
    )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3, generator=generator)
    config = checkpoint.Config(
        network=model.hyperparameters,
        process=checkpoint.describe(chosen),
        data="digits",
        codec=describe_codec(DIGITS.codec),
        conditions=[describe_attribute(each) for each in DIGITS.conditions],
        synthetic=False,
        command="dguide train --out tiny --steps 1",
        seed=0,
        steps=1,
        held_out_bits=4.0,
        held_out_error=0.1,
        version="0.0.0",
    )
    checkpoint.save(path, model, config)
    return path
