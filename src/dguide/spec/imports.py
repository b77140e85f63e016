"""Import paths, `module:name`: only what a person typed is imported."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import bad

__all__ = ["ALLOWED", "PATH", "leads_to", "load", "trust"]

PATH = re.compile(r"\s*([^\W\d][\w.]*:[^\W\d][\w.]*)(?::(.*))?", re.DOTALL)
"""An import path, and the options behind a second colon."""
ALLOWED: dict[str, Any] = {}
"""What files may name in this process, by import path."""


def trust(path: str, what: str = "import path") -> None:
    """Import what `module:name` names, and allow files to name it from now on.

    Args:
        path: The import path, as a person typed it.
        what: What an error calls it.

    Raises:
        ValueError: If there is no such module or name. An error inside the module is passed on as it is.
    """
    ALLOWED[path] = load(path, what, "an import path such as my_module:MyClass")


def load(path: str, what: str, known: str, remedy: str = "") -> Any:
    """What `module:name` names. The working directory is searched if the module is nowhere else.

    Args:
        path: The import path, as a person typed it.
        what: What an error calls it.
        known: What an error says is expected.
        remedy: What else it says if there is no such module.

    Raises:
        ValueError: If there is no such module or name.
    """
    if not PATH.fullmatch(path):
        raise bad(what, repr(path), known)
    module, _, names = path.partition(":")
    try:
        with _working_directory(module.partition(".")[0]):
            value: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise
        places = f"on the path of Python or in {Path.cwd()}"
        remedy = "Leave out .py." if module.endswith(".py") else remedy
        raise bad(what, f"{path!r}, and there is no module {error.name} {places}", known, remedy) from error
    for name in names.split("."):
        if not hasattr(value, name):
            place = getattr(value, "__file__", None) or getattr(value, "__name__", module)
            near = difflib.get_close_matches(name, vars(value), n=1) if hasattr(value, "__dict__") else []
            hint = f"Did you mean {near[0]!r}?" if near else ""
            raise bad(what, f"{path!r}, and there is no {name} in {place}", "a name that is defined there", hint)
        value = getattr(value, name)
    return value


@contextmanager
def _working_directory(package: str) -> Iterator[None]:
    """The working directory on the path of Python, last and for as long as an import takes, if a package needs it."""
    here = str(Path.cwd())
    if package in sys.modules or importlib.util.find_spec(package) is not None:
        yield
        return
    sys.path.append(here)
    try:
        importlib.invalidate_caches()
        yield
    finally:
        sys.path.remove(here)


def leads_to(path: str, target: object) -> bool:
    """Whether the import path of something that is loaded leads to it, so that another process can import it."""
    module, _, names = path.partition(":")
    value: Any = sys.modules.get(module)
    for name in names.split("."):
        value = getattr(value, name, None)
    return value is target and module != "__main__"
