"""`dguide info`: shows the contents of a checkpoint."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer

from ... import checkpoint as checkpoints
from ...data import Attribute
from ..names import MODEL

__all__ = ["info"]


def info(
    checkpoint: Path = typer.Argument(..., metavar="CHECKPOINT", help=MODEL),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, for programs."),
) -> None:
    """Show the contents of a checkpoint: data, process, network, quality, and training.

    The weights are checked against the checksum in the configuration.
    """
    loaded = checkpoints.load(checkpoint)
    config = loaded.config
    parameters = sum(parameter.numel() for parameter in loaded.model.parameters())
    if as_json:
        print(json.dumps(asdict(config) | {"parameters": parameters}, indent=2))
        return
    process = dict(config.process)
    network = loaded.model.hyperparameters
    lines = {
        "checkpoint": str(checkpoint),
        "data": f"{config.data}: {network['length']} tokens of {network['vocab_size']}"
        + (" (synthetic)" if config.synthetic else ""),
        "conditions": "; ".join(_described(condition) for condition in loaded.conditions),
        "process": f"{process.pop('name')} ({', '.join(f'{key}={value}' for key, value in process.items())})",
        "network": f"{parameters:,} parameters: {network['layers']} layers of width {network['width']}, "
        f"{network['heads']} heads",
        "quality": config.quality(4),
        "trained": f"{config.steps} steps, seed {config.seed}, dguide {config.version}",
        "command": config.command,
        "weights": "intact (SHA-256 agrees)",
    }
    for name, value in lines.items():
        print(f"{name + ':':12s}{value}")


def _described(condition: Attribute) -> str:
    """The name and the classes of a condition, shortened."""
    names = condition.class_names
    shown = ", ".join(names) if len(names) <= 12 else f"{', '.join(names[:10])}, ... ({len(names)} classes)"
    return f"{condition.name}: {shown or 'a number'}"
