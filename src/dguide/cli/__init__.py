"""The command line: `dguide data`, `train`, `sample`, `evaluate`, `compare`, `read`, `info`, `demo` and `theory`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..errors import MissingExtra, require

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: The arguments after `dguide`; by default those of this process.

    Returns:
        0 for success, 1 if the work failed, 2 for wrong usage or bad input, 130 if it was interrupted.
    """
    try:
        require("typer", "cli")
        require("pydantic", "cli")
        from .app import run
    except MissingExtra as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return run(arguments)
