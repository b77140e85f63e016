"""Tables of pilots as Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import require
from ..files import replacing

__all__ = ["write_parquet"]


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes a table, whole or not at all.

    Args:
        path: The file.
        rows: Values by the name of their column, at least one row.

    Raises:
        dguide.errors.MissingExtra: If pyarrow is not installed.
    """
    table = require("pyarrow", "pilot").Table.from_pylist(rows)
    with replacing(path) as temporary:
        require("pyarrow.parquet", "pilot").write_table(table, temporary)
