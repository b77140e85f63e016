"""Where checkpoints are: in a directory, in the package, or at Hugging Face."""

from __future__ import annotations

import re
from pathlib import Path

from .errors import bad, require

__all__ = ["AT_HUB", "CONFIG", "PATTERNS", "TOKENIZER", "WEIGHTS", "locate", "names", "shipped"]

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer"
"""Folder of the tokenizer of images, in the checkpoint of a model whose tokens are its codes."""
PATTERNS = (CONFIG, WEIGHTS, f"{TOKENIZER}/*.json", f"{TOKENIZER}/*.safetensors")
"""The files of a checkpoint."""
AT_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
"""`org/name`, as Hugging Face has it."""


def shipped() -> Path:
    """The folder of the checkpoints that come with dguide: in the installed package, else in the source tree."""
    package = Path(__file__).resolve().parent
    inside = package / "models"
    return inside if inside.is_dir() else package.parents[1] / "checkpoints"


def names() -> tuple[str, ...]:
    """Names of the checkpoints that come with dguide, which `load` takes."""
    return tuple(sorted(path.parent.name for path in shipped().glob(f"*/{CONFIG}")))


def locate(path: str | Path) -> Path:
    """The directory of a checkpoint, which need not exist.

    Args:
        path: A path, which wins if it exists; or one of `names`; or `org/name`, whose files are downloaded from
            Hugging Face unless they are in its cache. Nothing is downloaded if there is a folder `org` here.

    Raises:
        ValueError: If `org/name` cannot be had.
        dguide.errors.MissingExtra: If `path` has the form `org/name`, and the extra `hub` is not installed.
    """
    directory = Path(path)
    name = path if isinstance(path, str) else path.as_posix()
    if directory.exists():
        return directory
    if name in names():
        return shipped() / name
    if AT_HUB.fullmatch(name) and not directory.parent.exists():
        return _fetched(name)
    return directory


def _fetched(name: str) -> Path:
    """The directory of `org/name` in the cache of Hugging Face, after a download if necessary."""
    library, errors = require("huggingface_hub", "hub"), require("huggingface_hub.errors", "hub")
    try:
        # One call for all files, so that they are of the same revision.
        return Path(library.snapshot_download(name, allow_patterns=[*PATTERNS]))
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.HFValidationError) as error:
        got = f"no such directory, and from Hugging Face: {' '.join(str(error).split())}"
        expected = f"a directory, one of {', '.join(names())}, or org/name at Hugging Face"
        raise bad(f"checkpoint {name}", got, expected) from error
