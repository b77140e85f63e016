"""What a hook needs of diffusers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...errors import MissingExtra, require

__all__ = ["of_diffusers"]


def of_diffusers(name: str, module: str = "diffusers") -> Any:
    """`module.name`.

    Raises:
        MissingExtra: If diffusers is not installed, or is too old to have it.
    """
    version = require("diffusers", "diffusers").__version__
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise MissingExtra(f"diffusers {version} has no {name}: pip install 'diffusers>=0.42'") from error
