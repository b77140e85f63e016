"""Runs a plain pilot: trains a model if there is none, and compares settings of guidance on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ... import checkpoint as checkpoints
from ...checkpoint import Config
from ...devices import best_device
from ...errors import Mistakes, bad
from ...study import CheckpointSource, Executor, Store, Study, digest_of
from ...train import TrainConfig, train
from ..compare import Compared, Judge, Question, answer
from ..studies import RESULTS
from .settings import CompareStudy

__all__ = ["MODEL", "Found", "check", "run"]

MODEL = "model"
"""The folder of the model in that of a pilot."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a plain pilot found.

    Args:
        study: The settings.
        model: Folder of the model.
        config: The description of the model.
        compared: The comparison of the settings.
    """

    study: CompareStudy
    model: Path
    config: Config
    compared: Compared


def run(
    study: CompareStudy,
    folder: Path,
    executor: Executor | None = None,
    *,
    device: torch.device | None = None,
    tell: Callable[[str], object] | None = None,
) -> Found:
    """Runs what is missing of a plain pilot. After any death the same call goes on.

    A finished model in the folder `MODEL` is used, unless the study says how to train one: then it must be trained so.
    Samples are told what the examples of the test part are told.

    Args:
        study: The settings.
        folder: Where the model and the samples go; with workers on other machines, one that they all see. The model
            is trained by this process.
        executor: Who draws the samples; by default this process.
        device: Where samples are drawn; by default an accelerator if there is one.
        tell: Called with what is known of a setting as soon as it is judged.

    Raises:
        ValueError: If the folder holds another pilot or a model of other data, a setting does not fit the model, or the
            data cannot be judged; before any work.
        KeyboardInterrupt: If the training was interrupted; its state is saved.
        dguide.study.TaskFailed: If samples could not be drawn.
    """
    data, model = study.whole, folder / MODEL
    there = check(study, folder)
    judge = Judge.of(data)
    judge.names  # noqa: B018 - raises now if the data cannot be judged
    store, words = _store(study, folder)
    store.claim(digest_of(words), {"words": words})  # keys of samples say what these depend on
    if not there and not train(TrainConfig(out=model.absolute(), data=study.data, seed=0, **study.train)).finished:
        raise KeyboardInterrupt
    told = data.values(data.test.some(len(data.test)))
    source = CheckpointSource.of(model, device or best_device())
    question = Question(Study(source, study.settings, (0,), study.count, told), judge)
    loaded = checkpoints.load(model)
    compared = answer(question, store, executor, codec=loaded.codec, tell=tell, claimed=True)
    return Found(study, model, loaded.config, compared)


def check(study: CompareStudy, folder: Path) -> bool:
    """Whether the model in the folder is used as it is.

    Raises:
        ValueError: If the folder holds another pilot or a model of other data, or a setting does not fit the model; for
            all of it at once.
    """
    mistakes, model = Mistakes(), folder / MODEL
    store, words = _store(study, folder)
    mistakes.of(lambda: store.check_claim(digest_of(words), words))
    there = mistakes.of(lambda: _is_there(study, model))
    if there is not None:
        mistakes.of(lambda: study.check_sampling(model if there else None))
    mistakes.settle()
    return bool(there)


def _store(study: CompareStudy, folder: Path) -> tuple[Store, str]:
    """Where the samples go, and what that folder is of."""
    return Store(folder.absolute() / RESULTS), f"{study.data}, settings of guidance compared"


def _is_there(study: CompareStudy, model: Path) -> bool:
    """Whether a model is used as it is. Raises `ValueError` if it has learnt other data."""
    trained = (model / checkpoints.CONFIG).is_file()
    if not trained or "train" in study.model_fields_set:
        return False
    config = checkpoints.load(model).config
    if (model / checkpoints.STATE).is_file() and config.test_bits is None:
        return False  # its training was stopped
    if config.data_digest != study.whole.digest:
        raise bad(f"model {model}", f"one of {config.data}", f"one of {study.data}", "Choose another folder.")
    return True
