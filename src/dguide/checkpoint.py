r"""Saves and loads trained denoisers: a directory with `model.safetensors` (weights) and `config.json` (the rest).

Nothing is unpickled, so a checkpoint cannot run code. The configuration holds the SHA-256 of the weights. So loading
detects damaged files, and weights and configurations that do not belong together.

A checkpoint is replaced in three steps: new weights are written under a name with their SHA-256, the configuration is
replaced, and the weights get their usual name. After a kill between two steps `load` finds the weights that belong to
the configuration, under one name or the other.

A checkpoint is a directory, or the name of one that comes with dguide (`names`), or `org/name` at Hugging Face.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch

from .data import CODECS, CONDITIONS, Attribute, Codec
from .devices import in_float32, on_cpu
from .errors import bad, require
from .files import replacing
from .nn import DiffusionTransformer
from .places import AT_HUB, CONFIG, WEIGHTS, locate, names, shipped
from .process import PROCESSES, Process

__all__ = [
    "CONFIG",
    "STATE",
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

STATE = "state.safetensors"
"""The state of a training run, which writes its checkpoint to the same directory."""
_WAITING, _DIGITS = "model.{}.safetensors", 16
"""Name of new weights until their configuration is in place, with the first digits of their SHA-256."""
FORMAT = "dguide-checkpoint-1"
_AGAIN = "Copy the checkpoint again, both files of it, or train anew."


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
        validation_bits: Bits per token of the validation part, which chose the weights (an upper bound of the
            cross-entropy, a little optimistic).
        test_bits: Bits per token of the test part; None before the end of the training.
        test_error: Standard error of `test_bits`.
        version: Version of dguide that trained the weights.
        data_digest: `Dataset.digest` of the training data; None in older files.
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
    validation_bits: float
    test_bits: float | None
    test_error: float | None
    version: str
    data_digest: str | None = None

    @property
    def bits(self) -> float:
        """Bits per token of the test part, or of the validation part if the training did not end."""
        return self.validation_bits if self.test_bits is None else self.test_bits

    def quality(self, digits: int = 3) -> str:
        """The bits per token of the test part in words; of the validation part if the training did not end."""
        part = "validation data (not yet of test data)" if self.test_bits is None else "test data"
        error = "" if self.test_error is None else f" (standard error {self.test_error:.{digits}f})"
        return f"{self.bits:.{digits}f} bits per token of the {part}{error}"


@dataclass(frozen=True)
class _Stored(Config):
    """The content of the file: the configuration, and the SHA-256 of its weights."""

    sha256: str = field(kw_only=True)
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
    # As bytes, because files of the library's own writer are readable for their owner only.
    content = require("safetensors.torch", "train").save(tensors)
    checksum = hashlib.sha256(content).hexdigest()
    waiting = directory / _WAITING.format(checksum[:_DIGITS])
    with replacing(waiting) as temporary:
        temporary.write_bytes(content)
    with replacing(directory / CONFIG) as temporary:
        described = {"format": FORMAT} | asdict(config) | {"sha256": checksum}
        temporary.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    os.replace(waiting, directory / WEIGHTS)
    for left in directory.glob(_WAITING.format("[0-9a-f]" * _DIGITS)):  # of a process that was killed
        left.unlink(missing_ok=True)


@on_cpu
@in_float32
def load(path: str | Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Reads the checkpoint at `path`.

    Args:
        path: A directory from `save`, or what else `locate` finds.
        device: Device of the model.

    Returns:
        The checkpoint; its model is in evaluation mode.

    Raises:
        ValueError: If a file is missing, damaged or of another kind, or training has not written one yet.
        OSError: If a file exists but cannot be read.
        dguide.errors.MissingExtra: If `path` has the form `org/name`, and the extra `hub` is not installed.
    """
    directory = locate(path)
    _check_there(directory)
    config, expected = _read_config(directory / CONFIG)
    file = _weights(directory, expected)
    process = PROCESSES.restore(config.process)
    # Checkpoints of 0.1.0 before `Pixels.ink` lack it: these two data sets have always been drawn as ink.
    inked = {"ink": True} if config.data.partition(":")[0] in ("digits", "mnist") else {}
    codec = CODECS.restore(inked | config.codec)
    conditions = tuple(CONDITIONS.restore(each) for each in config.conditions)
    shapes = _shapes(file)
    _check_network(directory / CONFIG, config.network, shapes)
    with torch.device("meta"):  # costs no memory, whatever the configuration asks for
        planned = {
            name: list(tensor.shape) for name, tensor in DiffusionTransformer(**config.network).state_dict().items()
        }
    if planned != shapes:
        names = sorted(name for name in planned.keys() | shapes.keys() if planned.get(name) != shapes.get(name))
        got = f"{names[0]} {shapes.get(names[0], 'missing')}" + (f" and {len(names) - 1} more" if names[1:] else "")
        expected = f"{planned.get(names[0], 'nothing of that name')}, as in the network in {CONFIG}"
        raise bad(f"weights {file}", got, expected, _AGAIN)
    model = DiffusionTransformer(**config.network)
    model.load_state_dict(require("safetensors.torch", "train").load_file(file))
    return Checkpoint(model.to(device).eval(), process, codec, conditions, config)


def _check_there(directory: Path) -> None:
    """Raises `InputError` for a directory that cannot be a checkpoint."""
    weights = (directory / WEIGHTS).is_file() or any(directory.glob(_WAITING.format("*")))
    missing = [name for name, there in ((CONFIG, (directory / CONFIG).is_file()), (WEIGHTS, weights)) if not there]
    if not missing:
        return
    if (directory / STATE).is_file():
        got, expected = "a training run without a checkpoint yet", f"a run that has written {CONFIG} and {WEIGHTS}"
        remedy = "The same dguide train command goes on; its next evaluation writes the checkpoint."
        raise bad(f"checkpoint {directory}", got, expected, remedy)
    there = f"a directory without {missing[0]}" if directory.is_dir() else "no such directory"
    expected = f"a directory with {CONFIG} and {WEIGHTS}, or one of {', '.join(names())}"
    raise bad(f"checkpoint {directory}", there, expected, "Pass the directory that training wrote.")


def _weights(directory: Path, expected: str) -> Path:
    """The file of the weights with this SHA-256."""
    names = (WEIGHTS, _WAITING.format(expected[:_DIGITS]))
    files = [directory / name for name in names if (directory / name).is_file()]
    for file in files:
        if digest(file) == expected:
            return file
    found = f"a file of {files[0].stat().st_size} bytes with another SHA-256" if files else "no such file"
    raise bad(f"weights {directory / WEIGHTS}", found, f"the one that belongs to {CONFIG}, {expected[:12]}...", _AGAIN)


def _shapes(file: Path) -> dict[str, list[int]]:
    """The shapes of the tensors in a file of weights, by name."""
    safetensors = require("safetensors", "train")
    try:
        with safetensors.safe_open(file, "pt") as content:
            return {name: content.get_slice(name).get_shape() for name in content.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise bad(f"weights {file}", str(error), "a safetensors file", _AGAIN) from error


def _check_network(path: Path, network: dict[str, Any], shapes: dict[str, list[int]]) -> None:
    """Raises `InputError` for arguments that `DiffusionTransformer` does not have, or sizes beyond the weights.

    Each size is a side of a tensor, or divides one. But `layers` is a number of tensors, and the length of an image is
    the product of two sides.
    """
    try:
        inspect.signature(DiffusionTransformer).bind(**network)
    except TypeError as error:
        raise bad(f"network in {path}", str(error), "arguments of DiffusionTransformer", _AGAIN) from error
    side = max((side for shape in shapes.values() for side in shape), default=0)
    limits = {"layers": len(shapes), "length": side**2}
    for name, size in network.items():
        limit = limits.get(name, side)
        if any(isinstance(each, int) and each > limit for each in _flat(size)):
            raise bad(f"{name} of the network in {path}", size, f"at most {limit}, as the weights have it", _AGAIN)


def _flat(value: object) -> Iterator[object]:
    """The values in an argument of a network: its own, or those in a list or by name."""
    if isinstance(value, (list, dict)):
        yield from value.values() if isinstance(value, dict) else value
    else:
        yield value


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
    if not AT_HUB.fullmatch(name):
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
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are both the first
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
    if not values["conditions"]:
        raise bad(f"conditions in {path}", "none", "at least one", again)
    checksum = values.pop("sha256")
    return Config(**values), checksum


def _wrong(mistake: Mapping[str, Any]) -> str:
    """The text of one pydantic error."""
    name = ".".join(str(part) for part in mistake["loc"])
    texts = {"missing": f"missing {name}", "unexpected_keyword_argument": f"unknown {name}"}
    return texts.get(mistake["type"], f"{name} {mistake['input']!r} ({mistake['msg']})")
