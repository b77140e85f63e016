"""The section and the figure of the study `ramp-end`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["pictures", "sections"]


def sections(found: dict[str, Any]) -> dict[str, str]:
    return {}


def pictures(found: dict[str, Any], folder: Path) -> None:
    pass
