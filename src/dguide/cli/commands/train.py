"""`dguide train`: one option for each setting of `TrainConfig`, which defines and checks them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer
from pydantic import ValidationError

from ... import checkpoint as checkpoints
from ...data import LOADERS
from ...errors import InputError
from ...noise import NOISES
from ...train import MEASURED_ANEW, SIZES, TrainConfig
from ...train import train as run_training
from ...train.config import option
from ..options import options
from ..output import check_directory

__all__ = ["train"]


def _settings() -> Iterator[inspect.Parameter]:
    """The options, all as text. `TrainConfig` converts and checks them, and has the defaults."""
    metavars = {"int": "NUMBER", "float": "NUMBER", "Path": "DIRECTORY"}
    for name, setting in TrainConfig.model_fields.items():
        kind = str(getattr(setting.annotation, "__name__", setting.annotation))
        metavar = next((shown for word, shown in metavars.items() if word in kind), "NAME")
        text = str(setting.description)
        usual = "that of the size" if name in SIZES["small"] else setting.default
        shown = "" if setting.is_required() or usual is None else f" [default: {usual}]"
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option(
                ... if setting.is_required() else None,
                option(name),
                metavar=metavar,
                help=f"{text[:1].upper()}{text[1:]}.{shown}",
            ),
            annotation=str | None,
        )


@options(_settings())
def train(**settings: str | None) -> int | None:
    """Train a denoiser, or resume a stopped run.

    Give either --steps (reproducible weights) or --minutes. Progress appears on standard error. Ctrl-C saves the
    state after the current step; the same command then resumes the run. The folder --out holds the best weights so
    far as a checkpoint, for `dguide sample` and `dguide info`.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    for registry, name in ((LOADERS, "data"), (NOISES, "noise")):
        if name in given:
            registry.allow(given[name])
    try:
        config = TrainConfig(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise InputError("\n       ".join(_line(mistake) for mistake in error.errors())) from error
    check_directory("--out", config.out, _room(config))
    result = run_training(config)
    if not result.finished:
        if result.main:
            print(f"stopped after step {result.steps}; the same command resumes it")
        return 130
    if not result.main:
        return None
    best = checkpoints.load(result.path).config
    print(f"{result.path}: {best.quality(4)} after step {best.steps} of {result.steps}\n({MEASURED_ANEW})")
    return None


def _room(config: TrainConfig) -> int:
    """Bytes of weights, average, two moments and a checkpoint. Each exists twice while it is replaced."""
    block = config.width**2 * (10 + 2 * config.expansion)  # attention 4, modulation 6; the rest of a network is small
    return 2 * 5 * 4 * config.layers * block + 1_000_000


def _line(mistake: Any) -> str:
    """One mistake in the settings, by the name of its option. Raises the error again if it is a bug in a check."""
    raised = mistake.get("ctx", {}).get("error")
    if isinstance(raised, Exception) and not isinstance(raised, InputError):
        raise raised
    message = str(mistake["msg"]).removeprefix("Value error, ")
    if not mistake["loc"]:
        return message
    got = "" if mistake["type"] in ("missing", "value_error") else f", got {mistake['input']!r}"
    return f"{option(str(mistake['loc'][0]))}: {message}{got}"
