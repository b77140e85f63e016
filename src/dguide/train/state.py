"""Saves the whole state of a training run in one file, so that a stopped run resumes exactly.

The file is in the safetensors format and is replaced by one rename. Weights, averaged weights and optimizer moments
are tensors; the rest is JSON in the header, with the SHA-256 of all of it. There is no random state, because every
step has its own seed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import AliasChoices, Field
from torch import Tensor, nn

from ..checkpoint import STATE
from ..errors import bad, require
from ..files import replacing
from ..stored import content_digest, mistakes
from .optimizers import MOMENTS

__all__ = ["STATE", "Evaluation", "Journal", "read", "write"]

KEY = "dguide"
_DIGEST = "sha256"


@dataclass(frozen=True)
class Evaluation:
    """What is known after `step` steps and `seconds`.

    Args:
        step: Completed steps.
        seconds: Working time.
        loss: The mean training loss since the evaluation before.
        figure: The figure of the validation part; lower is better. Of a denoiser: its bits per token.
    """

    step: int
    seconds: float
    loss: float
    figure: Annotated[float, Field(validation_alias=AliasChoices("figure", "bits"))]  # older files call it bits

    @property
    def bits(self) -> float:
        """The figure of a denoiser, in bits per token."""
        return self.figure


@dataclass
class Journal:
    """The progress of a run.

    Args:
        settings: The configuration of the run.
        data: `Dataset.digest` of its data; empty in older files.
        drawn: `Task.drawn`; empty in older files.
        step: Completed steps.
        seconds: Working time.
        running: Training losses since the last evaluation.
        history: The evaluations, oldest first.
        finished: Whether the run is complete, its last evaluation included.
    """

    settings: dict[str, Any]
    data: str = ""
    drawn: str = ""
    step: int = 0
    seconds: float = 0.0
    running: list[float] = field(default_factory=list)
    history: list[Evaluation] = field(default_factory=list)
    finished: bool = False

    @property
    def best(self) -> Evaluation | None:
        """The evaluation with the lowest figure; the first one if several are equal."""
        return min(self.history, key=lambda evaluation: evaluation.figure, default=None)

    @property
    def since_best(self) -> int:
        """Number of evaluations since the best one."""
        return len(self.history) - 1 - self.history.index(self.best) if self.best else 0


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
        told = json.dumps(asdict(journal))
        header = {KEY: told, _DIGEST: content_digest(told, tensors)}
        temporary.write_bytes(require("safetensors.torch", "train").save(tensors, header))


def read(
    path: Path,
    settings: dict[str, Any],
    data: str,
    drawn: str,
    model: nn.Module,
    average: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
) -> Journal:
    """Loads the state in `path` and returns the journal; a new journal if there is no such file.

    The data may have moved. So the journal keeps the settings that the run had before, which may name another place.

    Raises:
        ValueError: If the file is damaged, or belongs to a run with other settings, other data or other draws.
    """
    if not path.exists():
        return Journal(settings, data, drawn)
    safetensors, pydantic = require("safetensors", "train"), require("pydantic", "train")
    anew = "To start anew, choose another directory, or delete this one."  # without its state it would be refused
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is not a dict
        journal: Journal = pydantic.TypeAdapter(Journal).validate_json(header.get(KEY, ""))
    except (safetensors.SafetensorError, pydantic.ValidationError) as error:
        got = str(error) if isinstance(error, safetensors.SafetensorError) else mistakes(error.errors())
        raise bad(f"training state {path}", got, "a file that dguide.train wrote", anew) from error
    if header.get(_DIGEST) != content_digest(header[KEY], tensors):
        raise bad(
            f"training state {path}", "content with another SHA-256", "that of the file when it was written", anew
        )
    before, names = journal.settings, sorted(journal.settings.keys() | settings.keys())
    changed = [name for name in names if before.get(name) != settings.get(name)]
    if journal.data and "data" in changed:
        changed.remove("data")  # the content below says whether they are the same, wherever they are
    longer = (
        changed == ["steps"]
        and None not in (before["steps"], settings["steps"])
        and before["steps"] < settings["steps"]
    )
    if changed and not (longer and settings["decay"] == "constant"):
        got, expected = (", ".join(f"{name}={each.get(name)}" for name in changed) for each in (settings, before))
        cosine = "With decay=cosine the rate of every step depends on the length, so the run cannot go on longer. "
        what = f"settings of the run in {path}"
        raise bad(what, got, f"those it began with, {expected}", (cosine if longer else "") + anew)
    if journal.data and journal.data != data:
        remedy = f"Restore the data as they were. {anew}"
        if journal.finished:
            remedy = "The run is finished. To train on the new data, choose another directory (and --from this one)."
        expected = f"the content it began with, {_short(journal.data)} of {before['data']}"
        raise bad(f"data of the run in {path}", f"{_short(data)} of {settings['data']}", expected, remedy)
    journal.data, journal.finished = data, journal.finished and not changed
    _check_drawn(path, journal, drawn)
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
        count = sum(len(group["params"]) for group in optimizer.param_groups) if journal.step else 0
        if {index: set(each) for index, each in moments.items()} != {
            index: MOMENTS[type(optimizer)] for index in range(count)
        }:
            raise bad(f"training state {path}", f"other tensors of {part}", f"those of {count} parameters", anew)
        optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
        for parameter, remembered in optimizer.state.items():  # in the memory layout of its parameter, as before
            for key, moment in remembered.items():
                if moment.shape == parameter.shape:
                    remembered[key] = torch.empty_like(parameter).copy_(moment)
    return journal


def _check_drawn(path: Path, journal: Journal, drawn: str) -> None:
    """Raises an error for a run to resume whose first steps drew their noise otherwise. A finished one stays."""
    if journal.drawn != drawn and not journal.finished:
        got, expected = (f"a run that draws noise by {each or 'level'}" for each in (journal.drawn, drawn))
        remedy = "Finish it with the version of dguide that began it, or begin a new run in another directory."
        raise bad(f"training state {path}", got, expected, remedy)


def _short(digest: str) -> str:
    return f"SHA-256 {digest[:12]}..."


def _parts(optimizers: Sequence[torch.optim.Optimizer]) -> list[tuple[str, torch.optim.Optimizer]]:
    return [(f"optimizer{number}", optimizer) for number, optimizer in enumerate(optimizers)]


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(part + "."): t for name, t in tensors.items() if name.startswith(part + ".")}
