"""Compiles a network by `torch.compile`, for any number of samples and rows."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import bad
from .condition import Condition, apply
from .inference import Parts
from .transformer import Trunk

__all__ = ["Compiled"]


@dataclass(frozen=True)
class Compiled:
    """Compiles trunk and readout. The first calls then take seconds to a minute.

    The numbers of samples and rows vary between the calls of a sampler. Both are variables of the compiled graphs, so a
    run needs few graphs: for the trunk, one for several samples and one for a single sample; for the readout, at most
    the same for all positions, and the same for selected rows.

    Args:
        backend: Backend of `torch.compile`.

    Raises:
        ValueError: In the call, if the compiler for machine code is not installed.
    """

    backend: str = "inductor"

    def __call__(self, parts: Parts, device: torch.device) -> Parts:
        """Compiled parts."""
        if self.backend == "inductor":
            _check_toolchain(device)
        compiled_trunk: Callable[..., Trunk] = torch.compile(parts.trunk, backend=self.backend)
        compiled_readout: Callable[..., Tensor] = torch.compile(parts.readout, backend=self.backend)

        def trunk(tokens: Tensor, time: Tensor, condition: Condition) -> Trunk:
            return compiled_trunk(_sized(tokens), _sized(time), apply(_sized, condition))

        def readout(results: Trunk, rows: Tensor | None) -> Tensor:
            results = Trunk(*(_sized(x) for x in results))
            if rows is None:
                return compiled_readout(results, None)
            # Graphs are specialised for 0 rows and for 1 row. Padding to at least two rows avoids them.
            padded = torch.nn.functional.pad(rows, (0, max(0, 2 - len(rows))))
            return compiled_readout(results, _sized(padded))[: len(rows)]

        return Parts(trunk, readout)


def _sized(x: Tensor) -> Tensor:
    """The same tensor, marked so that a graph takes its leading dimension as a variable."""
    view: Any = x.view_as(x)  # so that the tensor of the caller is not marked
    if len(x) > 1:
        torch._dynamo.mark_dynamic(view, 0)
    return view  # type: ignore[no-any-return]


def _check_toolchain(device: torch.device) -> None:
    """Raises `ValueError` if `torch.compile` would fail in the first call."""
    remedy = "Install it, or leave Compiled (--compile) out."
    if device.type == "cpu":
        compiler = os.environ.get("CXX") or {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
        if shutil.which(compiler) is None:
            raise bad("torch.compile on the CPU", f"no C++ compiler {compiler}", "one in PATH or CXX", remedy)
        if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
            raise bad("torch.compile on the CPU", "no Python.h", "the headers of this Python", remedy)
    elif device.type == "cuda" and importlib.util.find_spec("triton") is None:
        raise bad("torch.compile on CUDA", "no module triton", "the one this PyTorch needs", remedy)
