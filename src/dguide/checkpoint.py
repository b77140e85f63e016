r"""Saves and loads trained denoisers: a directory with `model.safetensors` (weights) and `config.json` (the rest).

Nothing is unpickled, so a checkpoint cannot run code. Files are written under temporary names and then renamed. The
configuration holds the SHA-256 of the weights. So loading detects damaged files, and weights and configurations that
do not belong together.

A checkpoint is a directory, or the name of one that comes with dguide (`names`), or `org/name` at Hugging Face.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
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
    "locate",
    "names",
    "push",
    "save",
    "shipped",
]

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
FORMAT = "dguide-checkpoint-1"
_AT_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
"""`org/name`, as Hugging Face has it."""


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
    """Reads the checkpoint at `path`.

    Args:
        path: A directory from `save`, or what else `locate` finds.
        device: Device of the model.

    Returns:
        The checkpoint; its model is in evaluation mode.

    Raises:
        ValueError: If a file is missing, damaged or of another kind.
        OSError: If a file exists but cannot be read.
        dguide.errors.MissingExtra: If `path` has the form `org/name`, and the extra `hub` is not installed.
    """
    directory = locate(path)
    for name in (CONFIG, WEIGHTS):
        if not (directory / name).is_file():
            there = "no such directory" if not directory.is_dir() else f"a directory without {name}"
            expected = f"a directory with {CONFIG} and {WEIGHTS}, or one of {', '.join(names())}"
            raise bad(f"checkpoint {directory}", there, expected, "Pass the directory that training wrote.")
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
    codec = CODECS.restore(config.codec)
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


def shipped() -> Path:
    """The folder of the checkpoints that come with dguide: in the installed package, else in the source tree."""
    package = Path(__file__).resolve().parent
    inside = package / "models"
    return inside if inside.is_dir() else package.parents[1] / "checkpoints"


def names() -> tuple[str, ...]:
    """Names of the checkpoints that come with dguide, which `load` takes."""
    return tuple(sorted(path.parent.name for path in shipped().glob(f"*/{CONFIG}")))


def locate(path: str | Path) -> Path:
    """The directory of a checkpoint, which need not exist.

    Args:
        path: A path, which wins if it exists; or one of `names`; or `org/name`, whose two files are downloaded from
            Hugging Face unless they are in its cache. Nothing is downloaded if there is a folder `org` here.

    Raises:
        ValueError: If `org/name` cannot be had.
        dguide.errors.MissingExtra: If `path` has the form `org/name`, and the extra `hub` is not installed.
    """
    directory = Path(path)
    name = path if isinstance(path, str) else path.as_posix()
    if directory.exists():
        return directory
    if name in names():
        return shipped() / name
    if _AT_HUB.fullmatch(name) and not directory.parent.exists():
        return _fetched(name)
    return directory


def _fetched(name: str) -> Path:
    """The directory of `org/name` in the cache of Hugging Face, after a download if necessary."""
    library, errors = require("huggingface_hub", "hub"), require("huggingface_hub.errors", "hub")
    try:
        # One call for both files, so that they are of the same revision.
        return Path(library.snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS]))
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.HFValidationError) as error:
        got = f"no such directory, and from Hugging Face: {' '.join(str(error).split())}"
        expected = f"a directory, one of {', '.join(names())}, or org/name at Hugging Face"
        raise bad(f"checkpoint {name}", got, expected) from error


def push(path: str | Path, name: str) -> None:
    """Uploads a checkpoint to Hugging Face, where `load(name)` finds it.

    Args:
        path: What `load` takes. It is checked first.
        name: `org/name`; it is created if missing. You must be logged in there with `hf auth login`.

    Raises:
        ValueError: If there is no intact checkpoint, or `name` has another form.
        huggingface_hub.errors.HfHubHTTPError: If Hugging Face refuses, as it does without a login.
        dguide.errors.MissingExtra: If the extra `hub` is not installed.
    """
    if not _AT_HUB.fullmatch(name):
        raise bad("name at Hugging Face", repr(name), "org/name")
    api, directory = require("huggingface_hub", "hub").HfApi(), locate(path)
    load(directory)
    api.create_repo(name, exist_ok=True)
    api.upload_folder(repo_id=name, folder_path=directory, allow_patterns=[CONFIG, WEIGHTS])


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
