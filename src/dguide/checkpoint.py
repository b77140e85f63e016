r"""Saves and loads trained denoisers: a directory with `model.safetensors` (weights) and `config.json` (the rest).

Nothing is unpickled, so a checkpoint cannot run code. Files are written under temporary names and then renamed. The
configuration holds the SHA-256 of the weights. So loading detects damaged files, and weights and configurations that
do not belong together.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from .data import CODECS, CONDITIONS, Attribute, Codec
from .errors import bad, require
from .files import replacing
from .nn import DiffusionTransformer
from .process import PROCESSES, Process

__all__ = [
    "CONFIG",
    "WEIGHTS",
    "Checkpoint",
    "Config",
    "digest",
    "load",
    "save",
]

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
FORMAT = "dguide-checkpoint-1"


@dataclass(frozen=True)
class Config:
    """The description of trained weights.

    Args:
        network: Arguments of `DiffusionTransformer`.
        process: Name and arguments of the process, from `PROCESSES.describe`.
        data: Name of the data set, for `dguide.data.load`.
        codec: The codec of the data set, from `CODECS.describe`.
        conditions: The conditions of the network, each from `CONDITIONS.describe`.
        synthetic: Whether a program generated the data.
        command: The command that trained the weights.
        seed: Seed of the training.
        steps: Training steps after which the weights were taken.
        held_out_bits: Bits per token on the held-out split (an upper bound of the cross-entropy).
        held_out_error: Standard error of `held_out_bits`.
        version: Version of dguide that trained the weights.
    """

    network: dict[str, Any]
    process: dict[str, Any]
    data: str
    codec: dict[str, Any]
    conditions: list[dict[str, Any]]
    synthetic: bool
    command: str
    seed: int
    steps: int
    held_out_bits: float
    held_out_error: float
    version: str


@dataclass(frozen=True)
class _Stored(Config):
    """The content of the file: the configuration, and the SHA-256 of its weights."""

    sha256: str
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}


@dataclass(frozen=True)
class Checkpoint:
    """A trained denoiser with its process, codec, conditions and configuration."""

    model: DiffusionTransformer
    process: Process
    codec: Codec
    conditions: tuple[Attribute, ...]
    config: Config


def save(path: str | Path, model: DiffusionTransformer, config: Config) -> None:
    """Writes weights and configuration to the directory `path`. An older checkpoint is replaced.

    Args:
        path: A directory; it is created if missing.
        model: The network; its weights keep their dtype.
        config: The description of the network.

    Raises:
        OSError: If the directory cannot be written.
    """
    directory = Path(path)
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    # Both files are complete before the first is renamed, so a killed process leaves an old or a new pair.
    with replacing(directory / WEIGHTS) as weights, replacing(directory / CONFIG) as text:
        # As bytes, because files of the library's own writer are readable for their owner only.
        weights.write_bytes(require("safetensors.torch", "train").save(tensors))
        content = {"format": FORMAT} | asdict(config) | {"sha256": digest(weights)}
        text.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def load(path: str | Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Reads the checkpoint in the directory `path`.

    Args:
        path: A directory from `save`.
        device: Device of the model.

    Returns:
        The checkpoint; its model is in evaluation mode.

    Raises:
        ValueError: If a file is missing, damaged or of another kind.
        OSError: If a file exists but cannot be read.
    """
    directory = Path(path)
    for name in (CONFIG, WEIGHTS):
        if not (directory / name).is_file():
            there = "no such directory" if not directory.is_dir() else f"a directory without {name}"
            remedy = "Pass the directory that training wrote."
            raise bad(f"checkpoint {directory}", there, f"a directory with {CONFIG} and {WEIGHTS}", remedy)
    config, expected = _read_config(directory / CONFIG)
    again = "Copy the checkpoint again, both files of it, or train anew."
    if digest(directory / WEIGHTS) != expected:
        raise bad(
            f"weights {directory / WEIGHTS}",
            f"a file of {(directory / WEIGHTS).stat().st_size} bytes with another SHA-256",
            f"the one that belongs to {CONFIG}, {expected[:12]}...",
            again,
        )
    process = PROCESSES.restore(config.process)
    # Checkpoints of 0.1.0 before `Pixels.ink` lack it: these two data sets have always been drawn as ink.
    inked = {"ink": True} if config.data.partition(":")[0] in ("digits", "mnist") else {}
    codec = CODECS.restore(inked | config.codec)
    conditions = tuple(CONDITIONS.restore(each) for each in config.conditions)
    safetensors = require("safetensors", "train")
    try:
        weights = require("safetensors.torch", "train").load_file(directory / WEIGHTS)
    except safetensors.SafetensorError as error:
        raise bad(f"weights {directory / WEIGHTS}", str(error), "a safetensors file", again) from error
    try:
        inspect.signature(DiffusionTransformer).bind(**config.network)
    except TypeError as error:
        raise bad(f"network in {directory / CONFIG}", str(error), "arguments of DiffusionTransformer", again) from error
    model = DiffusionTransformer(**config.network)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise bad(f"weights {directory / WEIGHTS}", str(error), f"those of the network in {CONFIG}", again) from error
    return Checkpoint(model.to(device).eval(), process, codec, conditions, config)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_config(path: Path) -> tuple[Config, str]:
    """The configuration and the SHA-256 of its weights."""
    again = "Copy the file again, or train anew."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are both
        raise bad(f"configuration {path}", str(error), "a JSON file", again) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        got = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise bad(f"configuration {path}", f"format {got!r}", repr(FORMAT), "It was written by another program.")
    pydantic = require("pydantic", "train")
    fields = {name: value for name, value in content.items() if name != "format"}
    try:
        values = dict(vars(pydantic.TypeAdapter(_Stored).validate_json(json.dumps(fields))))
    except pydantic.ValidationError as error:
        wrong = ", ".join(_wrong(each) for each in error.errors())
        raise bad(f"configuration {path}", wrong, "what dguide train writes", again) from error
    checksum = values.pop("sha256")
    return Config(**values), checksum


def _wrong(mistake: Mapping[str, Any]) -> str:
    """The text of one pydantic error."""
    name = ".".join(str(part) for part in mistake["loc"])
    texts = {"missing": f"missing {name}", "unexpected_keyword_argument": f"unknown {name}"}
    return texts.get(mistake["type"], f"{name} {mistake['input']!r} ({mistake['msg']})")
