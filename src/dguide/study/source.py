"""What samples are drawn from: a checkpoint, or a denoiser that somebody has in Python."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import checkpoint as checkpoints
from ..denoiser import Condition, Denoiser
from ..devices import usable_device
from ..errors import bad
from ..nn import Compiled, Inference
from ..process import Process
from .content import digest_of_object

__all__ = ["CheckpointSource", "DenoiserSource", "Opened", "Source"]


@dataclass(frozen=True, eq=False)
class Opened:
    """A denoiser that is ready to be called, with its process and the number of tokens of a sample."""

    denoiser: Denoiser
    process: Process
    length: int


class Source(ABC):
    """What samples are drawn from. It can be pickled, and opened in another process."""

    words: str
    """Its name for people."""
    digest: str
    """The same for two sources that give the same samples."""

    @abstractmethod
    def open(self) -> Opened:
        """The denoiser. A process keeps those that it has opened, as far as it can."""

    @abstractmethod
    def told(self, condition: Condition) -> Condition:
        """The condition of some samples as the denoiser takes it."""

    @abstractmethod
    def named(self, condition: Condition) -> dict[str, Tensor]:
        """The condition of some samples as arrays by name, for files."""

    def here(self) -> Source:
        """The same for this machine, to check a study with: it need not have the device of the workers."""
        return self


@dataclass(frozen=True)
class CheckpointSource(Source):
    """A checkpoint by its path, which every worker must see, and the SHA-256 of its description and weights.

    Args:
        path: The directory.
        words: How the user named it.
        checksum: SHA-256 of its `config.json`, which holds that of the weights.
        device: Device of the network.
        dtype: Precision of the network, a name in `DTYPES`.
        compiled: Whether the network is compiled.
    """

    path: str
    words: str
    checksum: str
    device: str = "cpu"
    dtype: str = "float32"
    compiled: bool = False

    @classmethod
    def of(
        cls, path: str | Path, device: str | torch.device = "cpu", dtype: str = "float32", compiled: bool = False
    ) -> CheckpointSource:
        """The source for what `dguide.checkpoint.load` takes. Raises `ValueError` if there is no checkpoint."""
        directory = checkpoints.locate(path).absolute()
        checksum = _checksum(directory)
        return cls(str(directory), str(path), checksum, str(device), dtype, compiled)

    @property
    def digest(self) -> str:  # type: ignore[override]
        """The digest; it has the kind of device, since devices differ in the last bits of a network."""
        return digest_of_object("checkpoint", [self.checksum, self.device.split(":")[0], self.dtype, self.compiled])

    def open(self) -> Opened:
        """As `Source` says. Raises `ValueError` if the checkpoint is another one by now."""
        return _opened(self)

    def told(self, condition: Condition) -> Condition:
        """As `Source` says: values by name, unless the network has one condition only."""
        loaded = _loaded(self).model
        return condition if isinstance(loaded.n_classes, dict) else next(iter(condition.values()))

    def named(self, condition: Condition) -> dict[str, Tensor]:
        """As `Source` says: the first condition of the network is `labels`."""
        first = _loaded(self).conditions[0].name
        return {"labels" if name == first else name: values for name, values in condition.items()}

    def here(self) -> CheckpointSource:
        """As `Source` says."""
        return replace(self, device="cpu", compiled=False)


def _checksum(directory: Path) -> str:
    path = directory / checkpoints.CONFIG
    if not path.is_file():
        checkpoints.load(directory)  # says what is wrong
    return checkpoints.digest(path)


@lru_cache(maxsize=4)
def _loaded(source: CheckpointSource) -> checkpoints.Checkpoint:
    """The checkpoint on its device; kept for the next task."""
    if _checksum(Path(source.path)) != source.checksum:
        remedy = "Choose another folder for the results of the new one."
        raise bad(f"checkpoint {source.path}", "another one than at the start", "the same until the end", remedy)
    return checkpoints.load(source.path, usable_device(source.device))


@lru_cache(maxsize=4)
def _opened(source: CheckpointSource) -> Opened:
    loaded = _loaded(source)
    network = Inference(loaded.model, *([Compiled()] if source.compiled else []), dtype=source.dtype)
    return Opened(network, loaded.process, loaded.codec.length)


@dataclass(frozen=True, eq=False)
class DenoiserSource(Source):
    """A denoiser from Python. It travels to the workers with each task.

    Args:
        denoiser: As `dguide.sample` takes it.
        process: As the denoiser was trained for.
        length: Tokens of a sample.
        name: A name that stands for all that the samples depend on; give another one if the denoiser changes. By
            default the digest is one of all that the object holds, but not of the code of its class.

    Raises:
        ValueError: If there is no name, and the denoiser cannot be pickled.
    """

    denoiser: Denoiser
    process: Process
    length: int
    name: str | None = None
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        held: Any = self.name if self.name is not None else self.denoiser
        object.__setattr__(self, "digest", digest_of_object("denoiser", [held, self.process, self.length]))

    @property
    def words(self) -> str:  # type: ignore[override]
        """As `Source` says."""
        return self.name or type(self.denoiser).__name__

    def open(self) -> Opened:
        """As `Source` says."""
        return Opened(self.denoiser, self.process, self.length)

    def told(self, condition: Condition) -> Condition:
        """As `Source` says: as it is."""
        return condition

    def named(self, condition: Condition) -> dict[str, Tensor]:
        """As `Source` says: a tensor as `condition`, tensors by name as they are; other structures are left out."""
        if isinstance(condition, Tensor):
            return {"condition": condition}
        whole = isinstance(condition, dict) and all(isinstance(each, Tensor) for each in condition.values())
        return dict(condition) if whole else {}
