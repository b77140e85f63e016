"""The application: its commands, and what becomes of their errors."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import typer

from .. import __version__
from ..errors import InputError, MissingExtra
from ..spec import trust
from ..train import Diverged
from .data import data
from .demo import demo
from .evaluate import evaluate
from .info import info
from .read import read
from .sample import sample
from .theory import theory
from .train import train

__all__ = ["app", "run"]

# Typer carries a copy of click in newer versions and imports it in older ones: this is the class in either.
_ClickException: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

_PLACE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG,
    errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
}  # fmt: skip
"""Failures of a disk or the machine: no permission, no space, out of files or memory."""

app = typer.Typer(
    help="Classifier-free guidance for discrete diffusion models.",
    epilog="Exit status: 0 fine, 1 failure in the work, 2 wrong usage or bad input, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dguide {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
    imports: list[str] = typer.Option(
        [],
        "--import",
        metavar="MODULE:NAME",
        help="Import code of your own that a checkpoint or another file names, and allow it; repeatable. What a file "
        "names is not imported otherwise.",
    ),
) -> None:
    """Holds the options of `dguide` itself."""
    for path in imports:
        trust(path, "--import")


for _command in (data, train, sample, evaluate, read, info, demo, theory):
    app.command()(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; what goes wrong becomes one line and an exit status, and a bug keeps its traceback."""
    try:
        status = app(args=arguments, prog_name="dguide", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except _ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            return 2
        return _fail("\n".join((error.format_message(), *_valid_names(error))), 2)
    except InputError as error:
        return _fail(str(error), 2)
    except Exception as error:
        message = _ordinary(error)
        if message is None:
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
        return _fail(message, 1)
    if status == 130:
        print("interrupted", file=sys.stderr)
    return status if isinstance(status, int) else 0


def _ordinary(error: Exception) -> str | None:
    """One line for a failure of this place, or one that dguide has foreseen; None for a bug, in whatever code."""
    if isinstance(error, (MissingExtra, Diverged)) or (isinstance(error, OSError) and error.errno in _PLACE):
        return str(error)
    torch_failed = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    if torch_failed or isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return "out of memory: lower --batch-size"
    return None


def _fail(message: str, status: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return status


def _valid_names(error: Any) -> Iterator[str]:
    """What could have been meant: commands or options, and where to read on."""
    context = getattr(error, "ctx", None)
    if context is None:
        return
    commands = getattr(context.command, "commands", {})
    if commands:
        yield f"Commands: {', '.join(sorted(commands))}"
    if hasattr(error, "option_name") or hasattr(error, "possibilities"):
        parameters = context.command.get_params(context)
        options = [name for p in parameters for name in (*p.opts, *p.secondary_opts) if name.startswith("-")]
        yield f"Options of {context.command_path}: {', '.join(sorted(options, key=lambda o: o.lstrip('-')))}"
    yield f"Try: {context.command_path} --help"
