"""`dguide train`: one option for each setting of `TrainConfig`, which defines and checks them."""

from __future__ import annotations

from pathlib import Path

from ... import checkpoint as checkpoints
from ...data import LOADERS
from ...errors import Mistakes
from ...files import expanded
from ...noise import NOISES
from ...train import MEASURED_ANEW, SIZES, TrainConfig
from ...train import train as run_training
from ..options import options
from ..output import check_directory
from ..settings import checked, declared

__all__ = ["train"]


@options(declared(TrainConfig, dict.fromkeys(SIZES["small"], "that of the size")))
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
    mistakes = Mistakes()
    config = mistakes.of(lambda: checked(TrainConfig, given))
    out = expanded(Path(str(given["out"]))) if config is None else config.out
    mistakes.of(lambda: check_directory("--out", out, 0 if config is None else _room(config)))
    mistakes.settle()
    assert config is not None
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
