"""The file of weights in the package antiberty. Nothing of the package is imported or run."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from ...errors import MissingExtra, bad

__all__ = ["VERSION", "weights"]

VERSION = "0.1.3"
"""The version whose package has the weights in it."""
_PLACE = "antiberty/trained_models/AntiBERTy_md_smooth/pytorch_model.bin"


def weights() -> Path:
    """The file of weights, in the package that is installed.

    Raises:
        dguide.errors.MissingExtra: If the package is not installed.
        ValueError: If it is of another version, or lacks the file.
    """
    try:
        package = distribution("antiberty")
    except PackageNotFoundError as error:
        raise MissingExtra("antiberty is not installed: pip install 'dguide[antibodies]'") from error
    remedy = f"pip install antiberty=={VERSION}"
    if package.version != VERSION:
        raise bad("package antiberty", f"version {package.version}", f"{VERSION}, which has the weights in it", remedy)
    path = Path(str(package.locate_file(_PLACE)))
    if not path.is_file():
        raise bad("package antiberty", f"no file {path}", "the file of its weights", f"Install it again: {remedy}")
    return path
