"""The application: its commands, and how it reports errors."""

from __future__ import annotations

import errno
import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import typer

from .. import __version__
from ..errors import DiskFull, InputError, MissingExtra
from ..files import expanded
from ..spec import trust
from ..study import TaskFailed
from ..train import Diverged
from .commands.check_model import check_model
from .commands.check_tokenizer import check_tokenizer
from .commands.compare import compare
from .commands.data import data
from .commands.demo import demo
from .commands.evaluate import evaluate
from .commands.fill import fill
from .commands.generate import generate
from .commands.info import info
from .commands.pilot import pilot
from .commands.read import read
from .commands.sample import sample
from .commands.theory import theory
from .commands.train import train
from .commands.train_tokenizer import train_tokenizer
from .workers import with_values

__all__ = ["app", "run"]

# Newer versions of Typer contain a copy of click, older ones import click. This gives the class in both cases.
_ClickException: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

_PLACE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG,
    errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
    errno.EISDIR, errno.ENAMETOOLONG,
}  # fmt: skip
"""Errors of the disk or the machine: no permission, no space, a folder in place of a file, no memory."""

app = typer.Typer(
    help="Classifier-free guidance for discrete diffusion models.",
    epilog="Exit status: 0 success, 1 failure, 2 wrong usage or bad input, 130 interrupted.",
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
        help="Import your own code, so that a checkpoint or another file may name it; repeatable. Without this option, "
        "code that a file names is not imported.",
    ),
) -> None:
    """The options of `dguide` itself."""
    for path in imports:
        trust(path, "--import")


def _at_home(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with `~` expanded in its paths: a shell does so in `--out ~/x`, but not in `--out=~/x`."""

    @functools.wraps(command)
    def call(**given: Any) -> Any:
        return command(**{name: expanded(each) if isinstance(each, Path) else each for name, each in given.items()})

    return call


for _command in (
    data,
    train,
    train_tokenizer,
    check_tokenizer,
    check_model,
    sample,
    generate,
    fill,
    evaluate,
    compare,
    read,
    info,
    demo,
    theory,
    pilot,
):
    app.command()(_at_home(_command))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line and returns the exit status. An error is reported in one line, a bug with its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what a terminal cannot show must not end the work
            stream.reconfigure(errors="backslashreplace")
    status = _run(arguments)
    try:
        print(end="", flush=True)
    except OSError as error:  # what is left would fail again when Python ends, with a status of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if status == 0 and error.errno != errno.EPIPE:  # a reader such as head has had enough
            _fail(str(error), 1)
        return status or 1
    return status


def _run(arguments: Sequence[str] | None) -> int:
    """`run`, without what is still to be written to standard output."""
    try:
        given = with_values(sys.argv[1:] if arguments is None else arguments)
        status = app(args=given, prog_name="dguide", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except _ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            return 2
        return _fail("\n".join((error.format_message(), *_valid_names(error))), 2)
    except InputError as error:
        return _fail(str(error), 1 if isinstance(error, DiskFull) else 2)
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
    """One line for an error of the machine or an expected error; None for a bug."""
    if isinstance(error, TaskFailed):  # of a task that raised nothing, the worker died
        cause = error.__cause__
        return str(error) if not isinstance(cause, Exception) or _ordinary(cause) else None
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
    """The valid commands or options, and the help command."""
    context = getattr(error, "ctx", None)
    if context is None:
        return
    commands = getattr(context.command, "commands", {})
    if commands:
        yield f"Commands: {', '.join(sorted(commands))}"
    if getattr(error, "option_name", "") == "--import":
        yield "--import stands before the command: dguide --import MODULE:NAME COMMAND"
    if hasattr(error, "option_name") or hasattr(error, "possibilities"):
        parameters = context.command.get_params(context)
        options = [name for p in parameters for name in (*p.opts, *p.secondary_opts) if name.startswith("-")]
        yield f"Options of {context.command_path}: {', '.join(sorted(options, key=lambda o: o.lstrip('-')))}"
    yield f"Try: {context.command_path} --help"
