"""The result of a comparison: its table, its advice, and what figures are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

from torch import Tensor

from ...data import Codec
from ...errors import MissingExtra
from ...evaluate import Evaluation
from ...samplers import DiagnosticsTable
from ...study import Setting
from .advice import advice
from .rows import Row

__all__ = ["Compared"]


@dataclass(frozen=True, eq=False)
class Compared:
    """The result of a comparison.

    Args:
        settings: The settings by name (`named`), the baseline first.
        evaluations: The figures of each setting, by name.
        rows: The table, a row for each setting and figure.
        main: Name of the figure that decides.
        about: How it was made: model, data, seeds, number of samples, versions.
        detect: A difference that would matter; None if that is not known.
        codec: What the tokens stand for; None if that is not known.
        samples: The first samples of each setting, [n, L], by name.
        diagnostics: log Z_w and the masked fraction of each setting, by name.
    """

    settings: Mapping[str, Setting]
    evaluations: Mapping[str, Evaluation]
    rows: tuple[Row, ...]
    main: str
    about: Mapping[str, str]
    detect: float | None = None
    codec: Codec | None = None
    samples: Mapping[str, Tensor] = field(default_factory=dict)
    diagnostics: Mapping[str, DiagnosticsTable] = field(default_factory=dict)

    @property
    def baseline(self) -> str:
        """Name of the baseline."""
        return next(iter(self.settings))

    @property
    def winner(self) -> Row | None:
        """The figure that decides of the best of the settings that are shown to be better; None if none is."""
        better = [row for row in self.rows if row.main and row.verdict == "better"]
        return max(better, key=lambda row: row.gain[0], default=None)

    @cached_property
    def table(self) -> list[dict[str, Any]]:
        """The rows as plain values, with the parts of the settings."""
        parts = {label: setting.written for label, setting in self.settings.items()}
        shown = ("guidance", "weight", "sampler", "temperature", "top_k", "top_p")
        return [row.record() | {name: parts[row.setting][name] for name in shown} for row in self.rows]

    def to_pandas(self) -> Any:
        """The table as a data frame of pandas. Raises `dguide.errors.MissingExtra` if that is not installed."""
        try:
            return import_module("pandas").DataFrame(self.table)
        except ImportError as error:  # no part of dguide needs it, so that no extra brings it
            raise MissingExtra("pandas is not installed: pip install pandas") from error

    def advice(self, language: str = "en") -> str:
        """What to do, in one sentence or two. `language` is "en" or "ja"."""
        return advice(self.rows, language, self.detect)

    def row(self, setting: str, figure: str) -> Row:
        """The row of a figure of a setting. Raises `KeyError` if there is none."""
        for row in self.rows:
            if (row.setting, row.figure.name) == (setting, figure):
                return row
        raise KeyError((setting, figure))
