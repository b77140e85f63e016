"""`dguide check-model`: whether a model fits what dguide takes it for, before anything is sampled."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from torch import Tensor
from torch import device as Device

from ... import adapters
from ... import checkpoint as checkpoints
from ...adapters import CONVENTIONS, adapt
from ...data import Dataset, load
from ...data.align_conditions import aligned, real_data
from ...denoiser import Condition
from ...errors import Mistakes, bad
from ...process import PROCESSES, Process
from ...spec.imports import PATH
from ...spec.imports import load as imported
from ..languages import FOLDER, is_language, sequences
from ..names import MODEL, device_of

__all__ = ["check_model"]

_LENGTH = 16
"""Tokens of a sequence of a language model."""


def check_model(
    model: str = typer.Argument(
        ...,
        metavar="MODEL",
        help=f"{MODEL} {FOLDER} Or your own as my_module:name: a denoiser, a loaded model with --convention, or a "
        "function without arguments that returns one.",
    ),
    data: str | None = typer.Option(
        None,
        metavar="NAME",
        help="Data set whose test part is predicted. [default: the training data of a checkpoint; none for your own]",
    ),
    convention: str | None = typer.Option(
        None, metavar="NAME", help=f"What a loaded model of your own means: {CONVENTIONS.usage()}."
    ),
    process: str | None = typer.Option(
        None,
        metavar="NAME",
        help=f"Process of a model of your own: {PROCESSES.usage()}. [default: its attribute process]",
    ),
    length: int | None = typer.Option(
        None,
        metavar="NUMBER",
        min=1,
        help="Tokens of a sequence of a model of your own, without --data, or of a language model. "
        f"[default: {_LENGTH} for a language model]",
    ),
    texts: Path | None = typer.Option(
        None, metavar="FILE", help="Text file for a language model: of each line the last tokens are predicted."
    ),
    unconditional: bool = typer.Option(False, help="A model of your own takes no condition."),
    count: int | None = typer.Option(
        None, metavar="NUMBER", min=1, help="Sequences of a call. [default: 64, or what a call has room for]"
    ),
    seed: int = typer.Option(0, metavar="NUMBER", min=0, help="Seed of the noise."),
    device: str | None = typer.Option(
        None,
        metavar="NAME",
        help="cpu, cuda, ...: where a checkpoint is loaded, or your own model is called. [default: an accelerator if "
        "there is one; for your own model, where it is]",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, for programs."),
) -> None:
    """Check whether a model fits, before anything is sampled.

    Is it what dguide takes it for? Prints a line for each question: what was seen, what was expected, what to set.
    Among them: the mask token, shifted logits, probabilities, the direction of time, the null condition, training mode,
    padding, half precision, and which law a model of uniform noise predicts. The exit status is 1 if anything is wrong.
    """
    mistakes, own = Mistakes(), PATH.fullmatch(model) is not None and not Path(model).exists()
    language = is_language(model)
    place = mistakes.of(lambda: None if own and not language and device is None else device_of(device or "auto"))
    if texts is not None and not language:
        mistakes.add(bad("--texts", str(texts), "none, but for a language model as hf:FOLDER"))
    if language:
        given = {"--convention": convention, "--process": process, "--data": data}
        given["--unconditional"] = "true" if unconditional else None
        _refuse(given, f"language model {model}", mistakes)
        length = length or _LENGTH
        mistakes.settle()  # before a large model is loaded
        assert place is not None
        asked = _language(model, place, length, texts, mistakes)
        length = None if texts is not None else length
    elif own:
        if unconditional and data is None:
            mistakes.add(bad("--unconditional", "it without --data", "--data, whose conditions it leaves out"))
        asked = _own(model, convention, process, data, unconditional, mistakes)
    else:
        given = {"--convention": convention, "--process": process, "--length": str(length) if length else None}
        given["--unconditional"] = "true" if unconditional else None
        _refuse(given, f"checkpoint {model}", mistakes)
        asked = _checkpoint(model, data, place, mistakes)
    mistakes.settle()
    assert asked is not None
    found = adapters.check_model(
        asked.network,
        process=asked.process,
        length=length,
        data=asked.tokens,
        condition=asked.condition,
        count=count,
        seed=seed,
        device=place,
    )
    print(found.as_json() if as_json else found)
    if not found.ok:
        raise typer.Exit(1)


def _refuse(given: dict[str, str | None], model: str, mistakes: Mistakes) -> None:
    """Keeps a mistake for each option that has a value although the model says it."""
    for option in (option for option, value in given.items() if value is not None):
        mistakes.add(bad(option, f"a value beside the {model}", "none, since it says so itself"))


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is checked, and with which data."""

    network: Any
    process: Process | None
    tokens: Tensor | None
    condition: Condition


def _own(
    path: str, convention: str | None, process: str | None, data: str | None, unconditional: bool, mistakes: Mistakes
) -> _Asked | None:
    """A model of one's own, by its import path; None if there are mistakes, which are kept."""
    network = mistakes.of(lambda: _made(path))
    kind = mistakes.of(lambda: None if process is None else PROCESSES.read(process, typed=True))
    dataset = mistakes.of(lambda: None if data is None else load(data, typed=True))
    means = mistakes.of(lambda: None if convention is None else CONVENTIONS.read(convention, typed=True))
    if means is not None and network is not None:
        module: Any = network
        network = mistakes.of(lambda: adapt(module, means, process=kind))
    elif convention is process is None and network is not None and getattr(network, "process", None) is None:
        mistakes.add(bad(path, "neither --convention nor --process", "one of them", "Or an attribute process."))
    if dataset is None:
        return _Asked(network, kind, None, None)
    return _Asked(network, kind, dataset.test.tokens, None if unconditional else dataset.condition(dataset.test))


def _language(model: str, place: Device, length: int, texts: Path | None, mistakes: Mistakes) -> _Asked | None:
    """A language model with its texts; None if there are mistakes, which are kept."""
    found = mistakes.of(lambda: sequences(model, place, length, texts))
    return None if found is None else _Asked(found[0], None, found[1], found[2])


def _made(path: str) -> Any:
    """What an import path leads to; of a class or a function without arguments, what it returns."""
    target = imported(path, "model", f"a checkpoint, such as {checkpoints.names()[0]}, or an import path")
    function = inspect.isfunction(target) and not inspect.signature(target).parameters
    return target() if function or isinstance(target, type) else target


def _checkpoint(path: str, data: str | None, place: Device | None, mistakes: Mistakes) -> _Asked | None:
    """A checkpoint with its data; None if there are mistakes, which are kept."""
    loaded = mistakes.of(lambda: checkpoints.load(path, "cpu" if place is None else place))
    dataset = None if loaded is None else mistakes.of(lambda: _data_of(loaded, data))
    if loaded is None or dataset is None:
        return None
    test = dataset.test
    values = dataset.values(test)
    told: dict[str, Tensor] = {
        each.name: values.get(each.name, each.not_given.expand(len(test))) for each in loaded.conditions
    }
    several = isinstance(loaded.model.n_classes, dict)
    return _Asked(loaded.model, loaded.process, test.tokens, told if several else next(iter(told.values())))


def _data_of(loaded: checkpoints.Checkpoint, data: str | None) -> Dataset:
    """The data of a checkpoint, or others, with its conditions."""
    dataset = real_data(loaded.config.data, loaded.config.data_digest, data)
    loaded.codec.check_same(dataset.codec, dataset.name)
    return aligned(dataset, loaded.conditions)
