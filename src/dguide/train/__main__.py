"""`python -m dguide.train --out DIRECTORY --steps N ...`: one option for each setting of `TrainConfig`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from .config import TrainConfig
from .loop import train

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains as the command line says; 0 if the run came to its end, 130 if it was stopped, 2 for wrong settings."""
    parser = argparse.ArgumentParser("python -m dguide.train", description="Train a denoiser, or resume a stopped run.")
    for name, setting in TrainConfig.model_fields.items():
        default = "" if setting.is_required() or setting.default is None else f" (default: {setting.default})"
        parser.add_argument(
            "--" + name.replace("_", "-"),
            dest=name,
            metavar="VALUE",
            required=setting.is_required(),
            default=argparse.SUPPRESS,
            help=f"{setting.description}{default}",
        )
    try:
        config = TrainConfig(**vars(parser.parse_args(arguments)))
        result = train(config)
    except ValidationError as error:
        lines = [f"--{'-'.join(map(str, e['loc'])).replace('_', '-') or ''} {e['msg']}" for e in error.errors()]
        print("\n".join(["the settings are not valid:", *lines]), file=sys.stderr)
        return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if not result.finished:
        print(f"stopped after step {result.steps}; the same command resumes it", file=sys.stderr)
        return 130
    if result.best is not None:
        print(f"{result.path}: step {result.best.step} of {result.steps} is the best", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
