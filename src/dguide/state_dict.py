"""Weights that others published: a file with the tensors of a network by name, safetensors or of `torch.save`.

A file of `torch.save` is read with `weights_only`, so nothing in it is run. Weights stay in the file until they are
used, as far as the system can map it: processes that read the same file share the memory.
"""

from __future__ import annotations

import argparse
import pickle
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .errors import bad, require

__all__ = ["fill", "number_of", "read"]

_PREFIXES = ("module.", "_orig_mod.")
"""What training on several GPUs and `torch.compile` put before every name."""
_SHOWN = 3
"""Names of tensors that an error lists."""
_DAMAGED = (RuntimeError, ValueError, EOFError, KeyError, AttributeError, TypeError, zipfile.BadZipFile)
"""What PyTorch raises for a file that is no file of `torch.save`, or a damaged one."""


def read(path: Path, inside: Sequence[str] = ()) -> dict[str, Tensor]:
    """The tensors in a file by name, without the prefixes of `torch.compile` and of training on several GPUs.

    Args:
        path: A file that ends in `.safetensors`, or else one of `torch.save`.
        inside: Names under which they may stand in a file of `torch.save`; the first that is there counts.

    Raises:
        ValueError: If there is no such file, it is damaged, or it holds other things than tensors.
        OSError: If it exists but cannot be read.
        dguide.errors.MissingExtra: If it is a safetensors file, and the extra `train` is not installed.
    """
    if not path.is_file():
        there = "a folder" if path.is_dir() else "no such file"
        raise bad(f"weights {path}", there, "a file of weights, .safetensors or of torch.save")
    content: Mapping[str, Any] = _safe(path) if path.suffix == ".safetensors" else _pickled(path)
    found: Mapping[str, Any] = next(
        (content[name] for name in inside if isinstance(content.get(name), Mapping)), content
    )
    others = [str(name) for name, each in found.items() if not isinstance(each, Tensor)]
    if others or not found:
        got = f"a file with {_listed(others)}, which are no tensors" if others else "a file without tensors"
        expected = "tensors by name" + (f", alone or under {' or '.join(map(repr, inside))}" if inside else "")
        raise bad(f"weights {path}", got, expected, "Pass the file that was published for this network.")
    return {_bare(str(name)): tensor.detach() for name, tensor in found.items()}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path, what: str, dtype: torch.dtype) -> None:
    """Gives a network on the device meta its weights.

    Args:
        network: The network, with the sizes that its tensors tell.
        tensors: The tensors from `read`.
        path: The file, for errors.
        what: What the network is called, for errors.
        dtype: Precision of the weights; integers stay integers.

    Raises:
        ValueError: If a tensor is missing, one has no place, or one has another shape: all of them at once.
    """
    asked = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    missing, unknown = [name for name in asked if name not in shapes], [name for name in shapes if name not in asked]
    other = [
        f"{name} {shapes[name]} instead of {shape}" for name, shape in asked.items() if shapes.get(name, shape) != shape
    ]
    wrong = [
        f"{len(names)} {kind}: {_listed(names)}"
        for kind, names in (("missing", missing), ("unexpected", unknown), ("of another shape", other))
        if names
    ]
    if wrong:
        expected = f"the {len(asked)} tensors of {what}"
        remedy = "It holds another network, or one of other options. Pass the file that was published for this one."
        raise bad(f"weights {path}", "; ".join(wrong), expected, remedy)
    cast = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    network.load_state_dict(cast, assign=True)
    network.eval().requires_grad_(False)


def number_of(names: Iterable[str], prefix: str) -> int:
    """How many numbers 0, 1, ... follow a prefix in the names of tensors, as of layers.

    >>> number_of(["layers.0.weight", "layers.1.weight", "layers.1.bias", "head.weight"], "layers.")
    2
    """
    return len({name.removeprefix(prefix).partition(".")[0] for name in names if name.startswith(prefix)})


def _safe(path: Path) -> dict[str, Tensor]:
    safetensors = require("safetensors.torch", "train")
    try:
        tensors: dict[str, Tensor] = safetensors.load_file(path)
    except require("safetensors", "train").SafetensorError as error:
        raise bad(f"weights {path}", str(error), "a safetensors file", "Copy the file again.") from error
    return tensors


def _pickled(path: Path) -> Mapping[str, Any]:
    mapped = zipfile.is_zipfile(path)  # files of PyTorch before 1.6 are none, and cannot be mapped
    try:
        # Those who train keep the options of their command beside the weights: values by name, and nothing to run.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        first = str(error).partition("\n")[0]
        got = f"a file that cannot be read without running what is in it, or a damaged one ({first})"
        remedy = "If you trust it, load it with PyTorch, and write its tensors with safetensors.torch.save_file."
        raise bad(f"weights {path}", got, "tensors by name, and numbers and text beside them", remedy) from error
    except _DAMAGED as error:
        got = str(error).partition("\n")[0]
        raise bad(f"weights {path}", got, "a file of torch.save", "Copy the file again.") from error
    if not isinstance(content, Mapping):
        raise bad(f"weights {path}", type(content).__name__, "tensors by name")
    return content


def _bare(name: str) -> str:
    while name.startswith(_PREFIXES):
        name = name.partition(".")[2]
    return name


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
