"""`dguide train-tokenizer`: one option for each setting of `TokenizerConfig`, which defines and checks them."""

from __future__ import annotations

from ...data import LOADERS
from ...tokenizers import learnt
from ...train import MEASURED_ANEW, TokenizerConfig
from ...train import train_tokenizer as run_training
from ...train.tokenizers.config import RATES
from ...train.tokenizers.figures import words
from ..options import options
from ..output import check_directory
from ..settings import checked, declared

__all__ = ["train_tokenizer"]


_RATES = ", ".join(f"{rate} for {name}" for name, rate in RATES.items())


@options(declared(TokenizerConfig, {"rate": _RATES, "width": "that of the size"}))
def train_tokenizer(**settings: str | None) -> int | None:
    """Train a tokenizer of images, or resume a stopped run.

    A tokenizer turns a picture into few tokens and back. Give either --steps (reproducible weights) or --minutes.
    Ctrl-C saves the state after the current step; the same command then resumes the run. The folder --out holds the
    best weights so far, for `dguide info` and for data sets of images with the option tokenizer=FOLDER.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    if "data" in given:
        LOADERS.allow(given["data"])
    config = checked(TokenizerConfig, given)
    check_directory("--out", config.out, _room(config))
    result = run_training(config)
    if not result.finished:
        if result.main:
            print(f"stopped after step {result.steps}; the same command resumes it")
        return 130
    if not result.main:
        return None
    best = learnt.load(result.path)
    found = words(best.about.test or best.about.validation, best.codes)
    print(f"{result.path}: {found} after step {best.about.steps} of {result.steps}\n({MEASURED_ANEW})")
    return None


def _room(config: TokenizerConfig) -> int:
    """Bytes of weights, average, two moments and the tokenizer. Each exists twice while it is replaced."""
    return 2 * 5 * 4 * 800 * config.width**2 + 1_000_000  # 780 at factor 16
