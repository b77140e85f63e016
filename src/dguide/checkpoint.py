r"""Saves and loads trained denoisers: a directory with `model.safetensors` (weights) and `config.json` (the rest).

How both are written and read so that they belong together is in `dguide.stored`. If the tokens are codes of a tokenizer
of images, the folder `tokenizer` in the directory is a copy of it, so that the directory can be moved.

A checkpoint is a directory, or the name of one that comes with dguide (`names`), or `org/name` at Hugging Face.
"""

from __future__ import annotations

import inspect
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch

from .data import CODECS, CONDITIONS, Attribute, Codec, Dataset, Learnt
from .data.align_conditions import aligned, real_data
from .devices import in_float32, on_cpu
from .errors import InputError, bad, require
from .nn import DiffusionTransformer
from .places import AT_HUB, CONFIG, PATTERNS, TOKENIZER, WEIGHTS, locate, names, shipped
from .process import PROCESSES, Process
from .stored import Folder, digest, planning

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
FORMAT = "dguide-checkpoint-1"
_FOLDER = Folder(CONFIG, WEIGHTS, FORMAT, "dguide train", "checkpoint")
_PUBLISHED = re.compile(r"(^|/)[a-z][\w-]+:")
"""The start of `hf:FOLDER` or `maskgit:FILE`, also where a path came before it."""


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

    def real_data(self, given: str | Dataset | None = None) -> Dataset:
        """The data to compare samples with, by the conditions of the model; by default its training data.

        Raises:
            ValueError: If they are not there, or have other tokens or conditions than the model.
        """
        learnt = self.config
        dataset = given if isinstance(given, Dataset) else real_data(learnt.data, learnt.data_digest, given)
        self.codec.check_same(dataset.codec, dataset.name)
        return aligned(dataset, self.conditions)


def save(path: str | Path, model: DiffusionTransformer, config: Config) -> None:
    """Writes weights and configuration to the directory `path`. An older checkpoint is replaced.

    Args:
        path: A directory; it is created if missing.
        model: The network; its weights keep their dtype.
        config: The description of the network.

    Raises:
        ValueError: If the tokenizer of the codec is missing, or another one.
        OSError: If the directory cannot be written.
    """
    directory, codec = Path(path), config.codec
    if _is_learnt(codec):
        _keep_tokenizer(directory, codec)
        codec = {**codec, "folder": TOKENIZER}
    _FOLDER.save(directory, model, asdict(replace(config, codec=codec)))


def _is_learnt(codec: Mapping[str, Any]) -> bool:
    """Whether the description of a codec is one of codes of a tokenizer."""
    return codec.get(CODECS.key) == CODECS.name_of(Learnt)


def _keep_tokenizer(directory: Path, described: Mapping[str, Any]) -> None:
    """Copies the tokenizer of a codec into the directory, unless it is there. A folder of another one is replaced."""
    target, codec = directory / TOKENIZER, CODECS.restore(described)
    assert isinstance(codec, Learnt)
    tokenizer = codec.tokenizer  # raises now if it is another one
    try:
        replace(codec, folder=target).tokenizer  # noqa: B018
    except InputError:
        pass  # there is none, or another one
    else:
        return
    directory.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{TOKENIZER}.", dir=directory))
    try:
        tokenizer.copy(codec.folder, temporary)
        if target.exists():
            shutil.rmtree(target)
        temporary.chmod(directory.stat().st_mode)  # that of `mkdtemp` is for its owner only
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
    file = _FOLDER.file(directory, expected)
    process = PROCESSES.restore(config.process)
    # Checkpoints of 0.1.0 before `Pixels.ink` lack it: these two data sets have always been drawn as ink.
    inked = {"ink": True} if config.data.partition(":")[0] in ("digits", "mnist") else {}
    if _is_learnt(config.codec):
        inked, config = {}, replace(config, codec={**config.codec, "folder": str(directory / TOKENIZER)})
    codec = CODECS.restore(inked | config.codec)
    if isinstance(codec, Learnt):
        codec.tokenizer  # noqa: B018 - raises now if it is missing, or not the one of this model
    conditions = tuple(CONDITIONS.restore(each) for each in config.conditions)
    shapes = _FOLDER.shapes(file)
    _check_network(directory / CONFIG, config.network, shapes)
    with planning():
        planned = DiffusionTransformer(**config.network)
    tensors = _FOLDER.fill(file, planned, shapes)
    model = DiffusionTransformer(**config.network)
    model.load_state_dict(tensors)
    return Checkpoint(model.to(device).eval(), process, codec, conditions, config)


def _check_there(directory: Path) -> None:
    """Raises `InputError` for a directory that cannot be a checkpoint."""
    missing = _FOLDER.missing(directory)
    if not missing:
        return
    if (directory / STATE).is_file():
        got, expected = "a training run without a checkpoint yet", f"a run that has written {CONFIG} and {WEIGHTS}"
        remedy = "The same dguide train command goes on; its next evaluation writes the checkpoint."
        raise bad(f"checkpoint {directory}", got, expected, remedy)
    there = f"a directory without {missing[0]}" if directory.is_dir() else "no such directory"
    expected = f"a directory with {CONFIG} and {WEIGHTS}, or one of {', '.join(names())}"
    remedy = "Pass the directory that training wrote."
    if _PUBLISHED.search(directory.as_posix()):
        remedy = "A published model (hf:FOLDER, maskgit:FILE, ...) is for dguide sample or dguide generate."
    raise bad(f"checkpoint {directory}", there, expected, remedy)


def _check_network(path: Path, network: dict[str, Any], shapes: dict[str, list[int]]) -> None:
    """Raises `InputError` for arguments that `DiffusionTransformer` does not have, or sizes beyond the weights.

    Each size is a side of a tensor, or divides one. But `layers` is a number of tensors, and the length of an image is
    the product of two sides.
    """
    try:
        inspect.signature(DiffusionTransformer).bind(**network)
    except TypeError as error:
        raise bad(f"network in {path}", str(error), "arguments of DiffusionTransformer", _FOLDER.again) from error
    side = max((side for shape in shapes.values() for side in shape), default=0)
    limits = {"layers": len(shapes), "length": side**2}
    for name, size in network.items():
        limit = limits.get(name, side)
        if any(isinstance(each, int) and each > limit for each in _flat(size)):
            raise bad(
                f"{name} of the network in {path}", size, f"at most {limit}, as the weights have it", _FOLDER.again
            )


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
    api.upload_folder(repo_id=name, folder_path=directory, allow_patterns=[*PATTERNS])


def _read_config(path: Path) -> tuple[Config, str]:
    """The configuration and the SHA-256 of its weights."""
    values = dict(vars(_FOLDER.describe(path.parent, _Stored)))
    if not values["conditions"]:
        raise bad(f"conditions in {path}", "none", "at least one", "Copy the file again, or train anew.")
    checksum = values.pop("sha256")
    return Config(**values), checksum
