"""The shipped models that studies draw from, and what their samples are told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

import dguide
from dguide import Samples, checkpoint
from dguide.checkpoint import Checkpoint
from dguide.data import Dataset, load
from dguide.guidance import Guidance
from dguide.samplers import Sampler
from studies.common import ROOT

__all__ = ["FOLDER", "dataset", "in_turn", "loaded", "sampled", "told", "weights"]

FOLDER = ROOT / "checkpoints"


@lru_cache(maxsize=2)
def loaded(model: str) -> Checkpoint:
    """The shipped model of that name."""
    return checkpoint.load(FOLDER / model)


@lru_cache(maxsize=2)
def dataset(model: str) -> Dataset:
    """The data that it was trained on."""
    return load(loaded(model).config.data)


@lru_cache(maxsize=64)
def weights(model: str) -> str:
    """The digest of its weights."""
    return checkpoint.digest(FOLDER / model / checkpoint.WEIGHTS)


def in_turn(data: Dataset, count: int) -> Tensor:
    """Every class in turn, [N]."""
    return torch.arange(count) % data.n_classes


def told(data: Dataset, count: int, asked: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `count` samples are told, by the name of the condition; what is not asked for is not given."""
    return {each.name: asked.get(each.name, each.not_given.expand(count)) for each in data.conditions}


def sampled(
    source: Checkpoint, guidance: Guidance, sampler: Sampler, condition: Mapping[str, Tensor], **options: Any
) -> Samples:
    """Samples of a model, one for each row of the condition. The options are those of `dguide.sample`."""
    return dguide.sample(
        source.model,
        process=source.process,
        length=source.codec.length,
        condition=dict(condition) if len(condition) > 1 else next(iter(condition.values())),
        guidance=guidance,
        sampler=sampler,
        **options,
    )
