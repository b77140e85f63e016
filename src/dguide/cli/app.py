"""The application: its commands, and what becomes of their errors."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from .. import __version__
from ..errors import MissingExtra
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
) -> None:
    """Holds the options of `dguide` itself."""


for _command in (data, train, sample, evaluate, read, info, demo, theory):
    app.command()(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line and turns whatever goes wrong into one line and an exit status."""
    try:
        status = app(args=arguments, prog_name="dguide", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except _ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            return 2
        return _fail("\n".join((error.format_message(), *_valid_names(error))), 2)
    except ValueError as error:
        return _fail(str(error), 2)
    except MissingExtra as error:
        return _fail(str(error), 1)
    except (OSError, FloatingPointError) as error:
        return _fail(str(error), 1)
    except MemoryError:
        return _fail("out of memory: lower --batch-size", 1)
    except Exception as error:
        if isinstance(error, RuntimeError) and _told(error):
            return _fail(str(error), 1)
        traceback.print_exc()
        return _fail(f"{type(error).__name__}: {error}", 1)
    if status == 130:
        print("interrupted", file=sys.stderr)
    return status if isinstance(status, int) else 0


def _told(error: Exception) -> bool:
    """Whether dguide itself raised it, with a message for the user, rather than something dguide relies on."""
    return Path(traceback.extract_tb(error.__traceback__)[-1].filename).is_relative_to(Path(__file__).parents[1])


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
