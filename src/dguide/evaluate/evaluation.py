"""The figures of a set of samples, as a table and as JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .statistics.estimate import Estimate

__all__ = ["DISTANCES", "Evaluation", "as_json", "between", "cell", "figure", "shown", "table"]


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a set of samples.

    Args:
        data: Name of the data set for the comparison.
        synthetic: Whether a program generated this data set.
        estimates: The figures.
        samples: Number of samples.
        seconds: Time of the evaluation.
        calls: Conditional and reference network calls per batch; None if unknown.
        settings: Settings of sampling and evaluation, as values for JSON.
        sampling_seconds: Time of sampling; None if unknown.
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
        """The figure `name`. Raises `KeyError` if it is missing."""
        for estimate in self.estimates:
            if estimate.name == name:
                return estimate
        raise KeyError(name)

    def as_markdown(self) -> str:
        """A verdict in words, a description of the samples and their settings, and a table of the figures."""
        made = " (synthetic)" if self.synthetic else ""
        calls = f", {self.calls[0]} conditional and {self.calls[1]} reference calls a batch" if self.calls else ""
        known = {k: v for k, v in self.settings.items() if isinstance(v, str | int | float) and not isinstance(v, bool)}
        settings = ", ".join(f"{name} {value}" for name, value in known.items())
        drawn = "" if self.sampling_seconds is None else f"{self.sampling_seconds:.1f} s of sampling, "
        lines = [
            *([verdict, ""] if (verdict := _verdict(self.estimates)) else []),
            f"{self.samples:,} samples against {self.data}{made}{calls}. {drawn}{self.seconds:.1f} s of judging.",
            *([f"Settings: {settings}."] if settings else []),
            "",
            *table(self.estimates),
        ]
        return "\n".join(lines) + "\n"

    def as_json(self) -> str:
        """The evaluation as JSON; values that are not numbers are null."""
        figures = [figure(each) for each in self.estimates]
        return as_json(asdict(replace(self, estimates=())) | {"estimates": figures, "settings": dict(self.settings)})


DISTANCES = ("Fréchet distance", *(f"{n}-gram divergence" for n in (4, 3, 2, 1)))
"""Figures of the distance to the data; the first one that there is says most."""
_NAMES = {
    "distance": DISTANCES,
    "accuracy": ("accuracy on the asked class", "accuracy"),
    "copies": ("copies of training images", "copies"),
}
"""Figures of a verdict, by what they measure, for images and for strings; the first that says something counts."""
REBUILT = "the same, encoded and decoded"
"""Head of the column that tells what a tokenizer costs: no sample of its codes can be expected to be nearer."""
_FULL = 0.4
"""A divergence of held-out data above which that of samples, at most 1, says little."""
_NEAR, _FAR = 2.0, 10.0
"""How many times the distance of held-out data is near to the data, and far from them."""


def _verdict(estimates: Sequence[Estimate]) -> str:
    """A sentence each on distance, accuracy and copies; empty without a distance that held-out data have too."""
    known = {each.name: each for each in estimates if math.isfinite(each.value) and not _saturated(each)}
    found = {kind: next((known[name] for name in names if name in known), None) for kind, names in _NAMES.items()}
    distance, accuracy, copies = found["distance"], found["accuracy"], found["copies"]
    if distance is None or not distance.best > 0:
        return ""
    times = distance.value / distance.best
    # A distance is further away only if chance does not explain it; without an interval the value alone says.
    further, far = times > _NEAR and not _apart(distance)[0] <= 0, times > _FAR
    astray = accuracy is not None and _apart(accuracy)[1] < 0
    copied = copies is not None and _apart(copies)[0] > 0
    near = "like the real data" if astray or copied else "like the real data, as far as these figures tell"
    words = "not like the real data" if far else "further away than real data" if further else near

    def told(fault: str, name: str, figure: Estimate) -> str:
        best = "" if math.isnan(figure.best) else f", held-out data {shown(figure.best)}"
        best += "" if math.isnan(figure.rebuilt) else f" ({shown(figure.rebuilt)} after the tokenizer)"
        return f"{f'**{fault}.** ' if fault else ''}{name} {shown(figure.value)}{best}."

    sentences = [told(f"Verdict: the samples are {words}", distance.name, distance)]
    if accuracy is not None and far and not astray:
        little = "says little then, since a classifier names a class for anything."
        sentences.append(f"Accuracy {shown(accuracy.value)} {little}")
    elif accuracy is not None:
        sentences.append(
            told("Fewer show the asked class than of held-out data" if astray else "", "Accuracy", accuracy)
        )
    if copies is not None:
        sentences.append(told("More of them are copies than of held-out data" if copied else "", "Copies", copies))
    return " ".join(sentences)


def _apart(figure: Estimate) -> tuple[float, float]:
    """The interval of the difference from held-out data; for metrics that give these no interval, they are fixed."""
    low, high = figure.difference
    return (figure.low - figure.best, figure.high - figure.best) if math.isnan(low) else (low, high)


def _saturated(figure: Estimate) -> bool:
    """Whether a divergence of held-out data is so near to its largest value that samples cannot be much further."""
    return figure.name.endswith("divergence") and figure.best > _FULL


def figure(estimate: Estimate) -> dict[str, Any]:
    """The fields of a figure for JSON, with the interval of its difference from held-out data."""
    names = [each.name for each in fields(estimate) if each.name not in ("statistic", "rebuilt")]
    names += [] if math.isnan(estimate.rebuilt) else ["rebuilt"]
    low, high = estimate.difference
    return {name: getattr(estimate, name) for name in names} | {"difference_low": low, "difference_high": high}


def table(estimates: Sequence[Estimate]) -> list[str]:
    """Lines of a Markdown table of figures, without empty columns."""
    interval = " or ".join(sorted({f"{100 * each.level:.4g} %" for each in estimates})) + " interval"
    heads = ("figure", "value", interval, "n", "held-out data", REBUILT, "samples - held-out", "better", "of")
    rows = []
    for estimate in estimates:
        interval, apart = (between(*ends) for ends in ((estimate.low, estimate.high), estimate.difference))
        held_out = shown(estimate.best), shown(estimate.rebuilt)
        cells = (estimate.name, shown(estimate.value), interval, f"{estimate.count:,}", *held_out, apart)
        rows.append((*map(cell, cells), estimate.better, cell(estimate.note)))
    kept = [k for k, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    lines = [[row[k] for k in kept] for row in (heads, ["---"] * len(heads), *rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def cell(text: str) -> str:
    """Words from data or from a user for a cell of a Markdown table: in one line, and as they are."""
    return re.sub(r"[\\|`*$<]", r"\\\g<0>", " ".join(text.split()))


def as_json(content: Mapping[str, Any]) -> str:
    """Plain values as JSON; numbers that are not finite are null, and functions are left out."""
    return json.dumps(_plain(dict(content)), indent=2, allow_nan=False) + "\n"


def shown(value: float) -> str:
    """A number in three digits; nothing for nan."""
    value += 0.0  # no minus before a zero
    return "" if math.isnan(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def between(low: float, high: float) -> str:
    """The ends of an interval in words; nothing if there is none."""
    return "" if math.isnan(low) or math.isnan(high) else f"{shown(low)} to {shown(high)}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items() if not callable(part)}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
