"""Saves the whole state of a training run in one file, so that a stopped run resumes exactly.

The file is in the safetensors format and is replaced by one rename. Weights, averaged weights and optimizer moments
are tensors; the rest is JSON in the header. There is no random state, because every step has its own seed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import bad, require
from ..files import replacing

__all__ = ["STATE", "Evaluation", "Journal", "read", "write"]

STATE = "state.safetensors"
KEY = "dguide"


@dataclass(frozen=True)
class Evaluation:
    """Training and held-out loss (`loss`, `bits`) in bits per token, after `step` steps and `seconds` of work."""

    step: int
    seconds: float
    loss: float
    bits: float


@dataclass
class Journal:
    """The progress of a run.

    Args:
        settings: The configuration of the run.
        data: `Dataset.digest` of its data; empty in older files.
        step: Completed steps.
        seconds: Working time.
        running: Training losses since the last evaluation, in bits per token.
        history: The evaluations, oldest first.
    """

    settings: dict[str, Any]
    data: str = ""
    step: int = 0
    seconds: float = 0.0
    running: list[float] = field(default_factory=list)
    history: list[Evaluation] = field(default_factory=list)

    @property
    def best(self) -> Evaluation | None:
        """The evaluation with the fewest held-out bits; the first one if several are equal."""
        return min(self.history, key=lambda evaluation: evaluation.bits, default=None)


def write(
    path: Path, journal: Journal, model: nn.Module, average: nn.Module, optimizers: Sequence[torch.optim.Optimizer]
) -> None:
    """Replaces the state in `path` by one rename."""
    tensors: dict[str, Tensor] = {}
    for part, module in (("model", model), ("average", average)):
        tensors |= {f"{part}.{name}": tensor for name, tensor in module.state_dict().items()}
    for part, optimizer in _parts(optimizers):
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"{part}.{index}.{name}": tensor for name, tensor in moments.items()}
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        header = {KEY: json.dumps(asdict(journal))}
        temporary.write_bytes(require("safetensors.torch", "train").save(tensors, header))


def read(
    path: Path,
    settings: dict[str, Any],
    data: str,
    model: nn.Module,
    average: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
) -> Journal:
    """Loads the state in `path` and returns the journal; a new journal if there is no such file.

    Raises:
        ValueError: If the file is damaged, or belongs to a run with other settings or other data.
    """
    if not path.exists():
        return Journal(settings, data)
    safetensors, pydantic = require("safetensors", "train"), require("pydantic", "train")
    anew = "Delete the file to start anew, or choose another directory."
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = (file.metadata() or {}).get(KEY, "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is not a dict
        journal: Journal = pydantic.TypeAdapter(Journal).validate_json(header)
    except (safetensors.SafetensorError, pydantic.ValidationError) as error:
        raise bad(f"training state {path}", repr(error), "a file that dguide.train wrote", anew) from error
    if journal.settings != settings:
        names = sorted(journal.settings.keys() | settings.keys())
        changed = [n for n in names if journal.settings.get(n) != settings.get(n)]
        now = ", ".join(f"{n}={settings.get(n)}" for n in changed)
        before = ", ".join(f"{n}={journal.settings.get(n)}" for n in changed)
        raise bad(f"settings of the run in {path}", now, f"those it began with, {before}", anew)
    if journal.data and journal.data != data:
        remedy = f"Restore the data as they were. {anew}"
        raise bad(
            f"data of the run in {path}", _short(data), f"the content it began with, {_short(journal.data)}", remedy
        )
    journal.data = data
    try:
        model.load_state_dict(_part(tensors, "model"))
        average.load_state_dict(_part(tensors, "average"))
    except RuntimeError as error:
        raise bad(f"training state {path}", str(error), "tensors of this network", anew) from error
    for part, optimizer in _parts(optimizers):
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _part(tensors, part).items():
            index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    return journal


def _short(digest: str) -> str:
    return f"SHA-256 {digest[:12]}..."


def _parts(optimizers: Sequence[torch.optim.Optimizer]) -> list[tuple[str, torch.optim.Optimizer]]:
    return [(f"optimizer{number}", optimizer) for number, optimizer in enumerate(optimizers)]


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(part + "."): t for name, t in tensors.items() if name.startswith(part + ".")}
