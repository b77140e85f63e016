"""What a run writes into its checkpoint, and the checkpoints that it must not replace or may begin with."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import checkpoint
from ..data import CODECS, CONDITIONS, Dataset
from ..errors import bad
from ..nn import DiffusionTransformer
from ..process import PROCESSES, Process
from .config import TrainConfig
from .state import STATE

__all__ = ["begin_with", "described", "record", "spare", "version"]

_OF_DATA = {"vocab_size", "length", "n_classes", "shape"}
_OF_PROCESS = {"input_size", "noise"}
_FREE = {"dropout", "prediction"}
"""Arguments of a network that follow from the data, and from the process. The others are settings. Weights
suit networks that differ in `_FREE` only: they are those of both predictions."""


def begin_with(path: Path, model: DiffusionTransformer) -> None:
    """Gives a new network the weights of a checkpoint. Raises `InputError` if the networks have other sizes."""
    found = checkpoint.load(path).model
    own, other = model.hyperparameters, found.hyperparameters
    differ = [name for name in own if name not in _FREE and own[name] != other[name]]
    if differ:
        got, expected = (", ".join(f"{name}={sizes[name]}" for name in differ) for sizes in (other, own))
        if _OF_DATA & {*differ}:
            remedy = "Both must have data of the same number of tokens, length and classes (dguide data, dguide info)."
        elif _OF_PROCESS & {*differ}:
            remedy = "Both must have the same --process and --noise."
        else:
            remedy = "Set --size, --width, --layers, --heads, --expansion and --shift to those of dguide info."
        raise bad(f"network of the checkpoint {path}", got, f"that of the run, {expected}", remedy)
    model.load_state_dict(found.state_dict())


def spare(path: Path, state: Path, files: Sequence[str]) -> None:
    """Raises an error for a directory with a checkpoint but no state: the first evaluation would replace it.

    Args:
        path: The directory.
        state: The state of its run.
        files: Names of the files of a checkpoint.
    """
    if state.exists():
        return
    for name in files:
        if (path / name).exists():
            expected = f"a new one, or one with the {STATE} of a run to resume"
            raise bad(f"directory {path}", f"a finished checkpoint ({name})", expected, "Choose another directory.")


def described(process: Process, dataset: Dataset) -> dict[str, Any]:
    """Process, codec and conditions, as a checkpoint stores them."""
    conditions = [CONDITIONS.describe(each) for each in dataset.conditions]
    return {"process": PROCESSES.describe(process), "codec": CODECS.describe(dataset.codec), "conditions": conditions}


def record(
    config: TrainConfig, dataset: Dataset, model: DiffusionTransformer, process: Process, step: int, bits: float
) -> checkpoint.Config:
    """The description of the averaged weights after `step` steps."""
    return checkpoint.Config(
        network=model.hyperparameters,
        data=config.data,
        **described(process, dataset),
        synthetic=dataset.synthetic,
        command=config.command(),
        seed=config.seed,
        steps=step,
        validation_bits=bits,
        test_bits=None,
        test_error=None,
        version=version(),
    )


def version() -> str:
    """The version of dguide."""
    try:
        return importlib.metadata.version("dguide")
    except importlib.metadata.PackageNotFoundError:  # a source tree on the path
        return "unknown"
