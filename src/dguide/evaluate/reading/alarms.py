"""Alarms at thresholds that were chosen on the validation part, and their mistakes on the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from ..statistics.thresholds import CONFIDENCE, needed
from .detection import Detection, Operating

__all__ = ["Alarm", "Kept", "alarm", "alarm_lines", "alarms_as_json"]

_PROMISES = (("false alarms", 0.01), ("false alarms", 0.05), ("misses", 0.01))
_HOW: dict[str, float | None] = {"on average": None, f"with {CONFIDENCE:.0%} confidence": CONFIDENCE}
_THRESHOLDS = f"""\
Thresholds were chosen on the validation part; shares are of the test part. "On average" is about the mean over many
such thresholds: up to half of them have more mistakes than promised. "With {CONFIDENCE:.0%} confidence" is about this
one threshold: on all sequences of the same source it has at most that share, unless the validation part was an unlucky
one of {round(1 / (1 - CONFIDENCE))}. The shares of the test part are estimates, so they may still be higher."""


@dataclass(frozen=True)
class Kept:
    """The mistakes on the test part of a threshold that was chosen on the validation part.

    Args:
        promise: Its guaranteed share of mistakes.
        how: Whether the mean over many thresholds keeps it, or this threshold with a confidence.
        cost: Its false alarms and misses.
        few: The reason, if there are too few sequences for a guarantee; it then gives no or only alarms. Else "".
    """

    promise: str
    how: str
    cost: Operating
    few: str


@dataclass(frozen=True, eq=False)
class Alarm:
    """The detection of defects by one score.

    Args:
        name: Name of the score.
        detection: Scores of the test part.
        points: Mistakes on the test part, for thresholds that were chosen on the validation part; empty if that lacks
            sequences with or without a defect.
    """

    name: str
    detection: Detection
    points: tuple[Kept, ...]


def alarm(name: str, scores: Tensor, defect: Tensor, reported: Tensor) -> Alarm:
    """The detection of defects by one score. Thresholds are chosen on the validation part.

    Args:
        name: Name of the score.
        scores: The score of each sequence of both parts, [N].
        defect: Whether there is a defect, [N] bool. Both values must occur in the test part.
        reported: Which sequences are of the test part, [N] bool.
    """
    found = Detection.of(scores[reported], defect[reported])
    if len(defect[~reported].unique()) < 2:
        return Alarm(name, found, ())
    return Alarm(name, found, _points(Detection.of(scores[~reported], defect[~reported]), found))


def alarm_lines(alarms: Sequence[Alarm]) -> list[str]:
    """Lines of Markdown: the mistakes of each threshold; or that there are none, for at least one alarm."""
    if not any(each.points for each in alarms):
        return ["**No thresholds**: they take validation sequences with a defect and without one."]
    heads = ("alarm by", "threshold promises", "kept", "false alarms", "misses")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for each in alarms:
        for point in each.points:
            promise = f"{point.promise}: {point.few}" if point.few else point.promise
            lines.append(f"| {each.name} | {promise} | {point.how} | {point.cost.false_alarms} | {point.cost.misses} |")
    return [*lines, "", *_THRESHOLDS.splitlines()]


def alarms_as_json(alarms: Sequence[Alarm]) -> list[dict[str, Any]]:
    """The same as values for JSON."""
    return [
        {
            "by": each.name,
            "points": [
                {"kept": point.promise, "how": point.how, "too few": point.few} | asdict(point.cost)
                for point in each.points
            ],
        }
        for each in alarms
    ]


def _points(chosen: Detection, found: Detection) -> tuple[Kept, ...]:
    """Mistakes on the test part, for thresholds that are chosen on the validation part."""
    points = []
    for what, share in _PROMISES:
        for how, confidence in _HOW.items():
            if what == "misses":
                threshold, count, kind = chosen.for_misses(share, confidence), len(chosen.bad), "with a defect"
            else:
                threshold, count, kind = (
                    chosen.for_false_alarms(share, confidence),
                    len(chosen.good),
                    "without a defect",
                )
            least = needed(share, confidence)
            few = f"too few to promise it, {count} sequences {kind} of {least} that it takes" if count < least else ""
            points.append(Kept(f"at most {share:.0%} {what}", how, found.at(threshold), few))
    return tuple(points)
