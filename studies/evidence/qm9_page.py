"""The section of the study `qm9-protocol`."""

from __future__ import annotations

from typing import Any

__all__ = ["sections"]


def sections(found: dict[str, Any]) -> dict[str, str]:
    return {}
