"""How far a preparation has come, on standard error where somebody watches."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import TypeVar

__all__ = ["progress"]

T = TypeVar("T")


def progress(items: Iterable[T], total: int, title: str) -> Iterable[T]:
    """The items, counted on standard error if that is a terminal and tqdm is installed."""
    if not sys.stderr.isatty():
        return items
    try:
        bar: Iterable[T] = importlib.import_module("tqdm").tqdm(items, total=total, desc=title, leave=False)
    except ImportError:
        return items
    return bar
