"""`dguide info`: shows the contents of a checkpoint."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer

from ... import checkpoint as checkpoints
from ... import tokenizers
from ...data import Attribute
from ...process import PROCESSES
from ...tokenizers import LearntTokenizer, LlamaGenTokenizer, VQTokenizer
from ...train.tokenizers.figures import words
from ..names import MODEL

__all__ = ["info"]


def info(
    checkpoint: Path = typer.Argument(..., metavar="CHECKPOINT", help=MODEL),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, for programs."),
) -> None:
    """Show what is in a checkpoint, or a tokenizer of images.

    Data, network, quality, and training. The weights are checked against the checksum in the configuration.
    """
    if tokenizers.is_one(checkpoint):
        found = tokenizers.load(checkpoint)
        if isinstance(found, LearntTokenizer):
            _tokenizer(checkpoint, found, as_json)
        else:
            _foreign(checkpoint, found, as_json)
        return
    loaded = checkpoints.load(checkpoint)
    config = loaded.config
    parameters = sum(parameter.numel() for parameter in loaded.model.parameters())
    if as_json:
        print(json.dumps(asdict(config) | {"parameters": parameters}, indent=2))
        return
    process = PROCESSES.describe(loaded.process)
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
    _show(lines)


def _foreign(folder: Path, found: VQTokenizer | LlamaGenTokenizer, as_json: bool) -> None:
    """Shows the contents of the folder of a tokenizer that others trained."""
    parameters = sum(parameter.numel() for parameter in found.network.parameters())
    if as_json:
        sizes = {"height": found.height, "width": found.width, "network": found.hyperparameters}
        print(json.dumps(sizes | {"digest": found.digest, "parameters": parameters}, indent=2))
        return
    rows, columns = found.grid
    factor, kind = found.height // rows, "VQModel of diffusers" if isinstance(found, VQTokenizer) else "LlamaGen"
    lines = {
        "tokenizer": str(folder),
        "pictures": f"{found.height} x {found.width} pixels, {'grey' if found.channels == 1 else 'in colour'}",
        "tokens": f"{rows} x {columns} of {found.codes} codes, one for {factor} x {factor} pixels",
        "network": f"{parameters:,} parameters, {kind}",
        "weights": f"SHA-256 of the tokenizer {found.digest[:12]}...",
    }
    _show(lines)


def _tokenizer(folder: Path, found: LearntTokenizer, as_json: bool) -> None:
    """Shows the contents of the folder of a tokenizer."""
    about, network = found.about, found.network
    parameters = sum(parameter.numel() for parameter in network.parameters())
    sizes = {"height": found.height, "width": found.width, "network": network.hyperparameters}
    if as_json:
        print(json.dumps(sizes | asdict(about) | {"digest": found.digest, "parameters": parameters}, indent=2))
        return
    kind = "grey" if found.channels == 1 else "in colour"
    found_in = "test data" if about.test else "validation data (not yet of test data)"
    figures = about.test or about.validation
    lines = {
        "tokenizer": str(folder),
        "data": about.data + (" (synthetic)" if about.synthetic else ""),
        "pictures": f"{found.height} x {found.width} pixels, {kind}",
        "tokens": f"{found.grid[0]} x {found.grid[1]} of {found.codes} codes, one for {network.factor} x "
        f"{network.factor} pixels; levels {' x '.join(map(str, network.fsq.levels))}",
        "network": f"{parameters:,} parameters, of width {network.width}",
        "quality": f"{words(figures, found.codes)}, of the {found_in}" if figures else "unknown",
        "trained": f"{about.steps} steps, seed {about.seed}, dguide {about.version}",
        "command": about.command,
        "weights": f"intact (SHA-256 agrees); SHA-256 of the tokenizer {found.digest[:12]}...",
    }
    _show(lines)


def _show(lines: dict[str, str]) -> None:
    for name, value in lines.items():
        print(f"{name + ':':12s}{value}")


def _described(condition: Attribute) -> str:
    """The name and the classes of a condition, shortened."""
    names = condition.class_names
    shown = ", ".join(names) if len(names) <= 12 else f"{', '.join(names[:10])}, ... ({len(names)} classes)"
    return f"{condition.name}: {shown or 'a number'}"
