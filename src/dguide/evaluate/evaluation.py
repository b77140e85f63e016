"""All that is known of a set of samples, as a table and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .statistics.estimate import Estimate

__all__ = ["Evaluation", "as_json", "table"]


@dataclass(frozen=True)
class Evaluation:
    """Figures about a set of samples, of whatever kind.

    Args:
        data: Name of the data set that they are compared with.
        synthetic: Whether that was made by a program instead of measured.
        estimates: The figures.
        samples: Number of samples.
        seconds: What judging them took.
        calls: Conditional and reference calls of the network that a batch of them took; None if nobody knows.
        settings: How they were drawn and judged, as values that JSON can carry.
        sampling_seconds: What drawing them took; None if nobody knows.
    """

    data: str
    synthetic: bool
    estimates: tuple[Estimate, ...]
    samples: int
    seconds: float
    calls: tuple[int, int] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    sampling_seconds: float | None = None

    def __getitem__(self, name: str) -> Estimate:
        """The figure of that name. Raises `KeyError` if there is none."""
        for estimate in self.estimates:
            if estimate.name == name:
                return estimate
        raise KeyError(name)

    def as_markdown(self) -> str:
        """What the samples are and how they were drawn, and a table of the figures."""
        made = " (synthetic)" if self.synthetic else ""
        calls = f", {self.calls[0]} conditional and {self.calls[1]} reference calls a batch" if self.calls else ""
        shown = {k: v for k, v in self.settings.items() if isinstance(v, str | int | float) and not isinstance(v, bool)}
        settings = ", ".join(f"{name} {value}" for name, value in shown.items())
        drawn = "" if self.sampling_seconds is None else f"{self.sampling_seconds:.1f} s of sampling, "
        lines = [
            f"{self.samples:,} samples against {self.data}{made}{calls}. {drawn}{self.seconds:.1f} s of judging.",
            *([f"Settings: {settings}."] if settings else []),
            "",
            *table(self.estimates),
        ]
        return "\n".join(lines) + "\n"

    def as_json(self) -> str:
        """Everything, for programs; what is not a number is null."""
        return as_json(asdict(self) | {"settings": dict(self.settings)})


def table(estimates: Sequence[Estimate]) -> list[str]:
    """Lines of a Markdown table of figures, without columns that would be empty."""
    heads = ("figure", "value", "95 % interval", "n", "held-out data", "better", "of")
    rows = []
    for estimate in estimates:
        interval = "" if math.isnan(estimate.low) else f"{_shown(estimate.low)} to {_shown(estimate.high)}"
        cells = (estimate.name, _shown(estimate.value), interval, f"{estimate.count:,}", _shown(estimate.best))
        rows.append((*cells, estimate.better, estimate.note))
    kept = [k for k, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    lines = [[row[k] for k in kept] for row in (heads, ["---"] * len(heads), *rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def as_json(content: Mapping[str, Any]) -> str:
    """Plain values for programs; what is not a finite number is null."""
    return json.dumps(_plain(dict(content)), indent=2, allow_nan=False) + "\n"


def _shown(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
