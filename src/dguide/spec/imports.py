"""Import paths, `module:name`: what a person typed is imported, and may then be named by files too."""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

from ..errors import bad

__all__ = ["PATH", "TRUSTED", "trust"]

PATH = re.compile(r"\s*([^\W\d][\w.]*:[^\W\d][\w.]*)(?::(.*))?", re.DOTALL)
"""An import path, and the options behind a second colon."""
TRUSTED: dict[str, Any] = {}
"""What a person named by its import path in this process, or what was written under it."""


def trust(path: str, what: str = "import path", known: str = "an import path such as my_module:MyClass") -> None:
    """Import what `module:name` names, and allow this name in text from files from now on.

    The working directory is searched last, so that no file there takes the place of a module of Python.

    Args:
        path: The import path, as a person typed it.
        what: What an error calls it.
        known: What an error says is expected.

    Raises:
        ValueError: If there is no such module or name. An error inside the module is passed on as it is.
    """
    if not PATH.fullmatch(path):
        raise bad(what, repr(path), known)
    if "" not in sys.path:
        sys.path.append("")
    module, _, names = path.partition(":")
    try:
        target: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise
        raise bad(what, f"{path!r}, and there is no module {error.name}", known) from error
    for name in names.split("."):
        if not hasattr(target, name):
            place = getattr(target, "__file__", None) or getattr(target, "__name__", module)
            raise bad(what, f"{path!r}, and there is no {name} in {place}", "a name that is defined there")
        target = getattr(target, name)
    TRUSTED[path] = target
