"""What samples are drawn from: a checkpoint, or a model that others published, by its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from .. import checkpoint as checkpoints
from ..adapters import LANGUAGE_MODELS, MODELS, PublishedSource, opened
from ..checkpoint import Checkpoint
from ..data import Attribute, Codec
from ..denoiser import Denoiser
from ..errors import bad, choose
from ..files import expanded
from ..nn import DTYPES, Compiled, Inference
from ..process import PROCESSES, Process
from ..study import CheckpointSource, Source

__all__ = ["FILES", "Model", "model_of"]

FILES = f"Or a model of others by its files: {MODELS.usage()}, as in maskgit:FILE,decoder=FILE."
"""The description of published models in help texts."""


@dataclass(frozen=True, eq=False)
class Model:
    """A model, and what its tokens and conditions mean.

    Attributes:
        text: How the user named it.
        process: Its process.
        codec: The codec of its tokens.
        conditions: Its conditions.
        several: Whether the network takes its conditions by name.
        device: Where it draws samples of a file.
        trained: What the settings say of its training.
        network: Gives the denoiser in a precision, a name in `DTYPES`, compiled or not.
        source: Gives the same for workers, on a device of that name.
    """

    text: str
    process: Process
    codec: Codec
    conditions: tuple[Attribute, ...]
    several: bool
    device: torch.device
    trained: dict[str, object]
    network: Callable[[str, bool], Denoiser]
    source: Callable[[str, str, bool], Source]


def model_of(text: str, device: torch.device, pictures: torch.device | None = None) -> Model:
    """The model of that name.

    Args:
        text: A model of others by its files, as `MODELS` reads it; or what `dguide.checkpoint.load` takes.
        device: Where samples of a file are drawn.
        pictures: Where a model of others makes pictures of tokens; by default there too.

    Raises:
        ValueError: If there is none, or a file is damaged or of another kind.
    """
    name, colon, _ = text.partition(":")
    if colon and name in LANGUAGE_MODELS:
        remedy = "`dguide generate` writes text with it, and `dguide check-model` checks it."
        raise bad("model", f"the language model {text}", "a checkpoint of dguide, or a model of images", remedy)
    if colon and len(name) > 1 and not Path(text).exists():  # a single letter is a drive of Windows
        return _published(text, device, pictures or device)
    text = str(expanded(Path(text)))
    loaded = checkpoints.load(text, device)
    config = loaded.config
    return Model(
        text,
        loaded.process,
        loaded.codec,
        loaded.conditions,
        isinstance(loaded.model.n_classes, dict),
        next(loaded.model.parameters()).device,
        {
            "data": config.data,
            "data_digest": config.data_digest,
            "synthetic": config.synthetic,
            "process": config.process,
        },
        partial(_inference, loaded),
        lambda device, dtype, compiled: CheckpointSource.of(text, device, dtype, compiled),
    )


def _inference(loaded: Checkpoint, dtype: str, compiled: bool) -> Inference:
    return Inference(loaded.model, *([Compiled()] if compiled else []), dtype=dtype)


def _published(text: str, device: torch.device, pictures: torch.device) -> Model:
    call = MODELS.call(text, typed=True)
    call.check()
    published = MODELS.read(call.absolute(), typed=True)
    adapted = opened(published, torch.device("cpu"), torch.float32)

    def check(dtype: str, compiled: bool) -> None:
        choose("dtype", dtype, DTYPES)
        if compiled:
            raise bad("--compile", f"with {text}", "a checkpoint of dguide", "Leave it out.")

    def network(dtype: str, compiled: bool) -> Denoiser:
        check(dtype, compiled)
        return opened(published, device, DTYPES[dtype]).denoiser

    def source(device: str, dtype: str, compiled: bool) -> PublishedSource:
        check(dtype, compiled)
        return PublishedSource(published, text, adapted.digest, device, dtype)

    return Model(
        text,
        adapted.process,
        published.codec(pictures),
        adapted.conditions,
        len(adapted.conditions) > 1,
        device,
        {
            "data": None,
            "data_digest": None,
            "synthetic": False,
            "process": PROCESSES.describe(adapted.process),
            "weights": adapted.digest,
        },
        network,
        source,
    )
