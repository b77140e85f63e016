"""A reading beside standard classifiers, on the same test sequences: figures, differences, and which to use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..evaluation import cell, figure
from ..statistics.estimate import Estimate
from ..statistics.losses import mean_difference
from ..statistics.proportion import paired_shares
from .alarms import Alarm, alarm
from .calibration import MISREAD, calibration_estimates
from .classes import Reading
from .detection import Detection, defect_score
from .standard import Standard
from .temperature import MISTAKES, fit_temperature

__all__ = ["Compared", "area_lines", "areas", "compare", "log_loss_difference", "recommended", "seconds_of"]


@dataclass(frozen=True, eq=False)
class Compared:
    """A standard classifier beside a reading.

    Args:
        standard: The classifier and its answers.
        estimates: Its figures on the test part, and the differences of the reading from them.
        apart: The difference that decides which to use: of areas under the ROC curve if there is a normal class, else
            of accuracies.
        rank: The figure of the classifier that decides, on the validation part; on the test part if that lacks it.
        areas: The area under the ROC curve of each class against all others; None for classes without test sequences.
        alarm: The detection of defects, if there is a normal class.
    """

    standard: Standard
    estimates: tuple[Estimate, ...]
    apart: Estimate
    rank: float
    areas: tuple[Estimate | None, ...]
    alarm: Alarm | None

    @property
    def name(self) -> str:
        """Name of the classifier."""
        return self.standard.name

    def values(self) -> dict[str, Any]:
        """The same as values for JSON."""
        return {
            "name": self.name,
            "estimates": [figure(each) for each in self.estimates],
            "areas of classes": [each and figure(each) for each in self.areas],
            "seconds a sequence": self.standard.seconds,
            "seconds of training": self.standard.training,
        }


def compare(
    reading: Reading,
    standard: Standard,
    labels: Tensor,
    reported: Tensor,
    *,
    normal: int | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> Compared:
    """Judges a standard classifier as a reading is judged, and gives the differences on the same test sequences.

    Its temperature is fitted to the same validation part as that of the reading, and so are its thresholds.

    Args:
        reading: The reading of N sequences of both parts, at the temperature that was fitted to the validation part.
        standard: The classifier, with its answers for the same sequences.
        labels: The true classes, [N].
        reported: Which sequences are of the test part, [N] bool.
        normal: The class without a defect; None without detection of defects.
        repetitions: As in `calibration_estimates`.
        seed: As in `calibration_estimates`.
    """
    own, test, truth = standard.reading, standard.reading.take(reported), labels[reported]
    fitted, known = own.take(~reported), labels[~reported]
    wrong = int((fitted.predicted != known).sum())
    tempered = test.tempered(fit_temperature(fitted, known)) if wrong >= MISTAKES else test
    how = f"{standard.name}, tempered, T = {tempered.temperature:.3g}" if tempered is not test else standard.name
    accuracy, *_ = calibration_estimates(test.log_probs, truth, repetitions=0)
    loss, _, error = calibration_estimates(tempered.log_probs, truth, repetitions=repetitions, seed=seed)[1:]
    read = reading.take(reported)
    less = f"reading, less {standard.name}"
    apart = _accuracies(read.tempered(1.0), test, truth, less)
    found = [*(each.noted(how) for each in (loss, error)), apart]
    found = [accuracy.noted(standard.name), *found, log_loss_difference(tempered, read, truth, less)]
    chooses, answers = (fitted, known) if len(known) else (test, truth)
    rank, raised = float((chooses.predicted == answers).double().mean()), None
    if normal is not None:
        defect, scores = labels != normal, defect_score(own, normal)
        raised = alarm(standard.name, scores, defect, reported)
        beside = Detection.of(defect_score(reading.tempered(1.0), normal)[reported], defect[reported])
        apart = beside.difference(raised.detection, less)
        found += [raised.detection.area(standard.name), apart]
        both = len(defect[~reported].unique()) == 2
        rank = (Detection.of(scores[~reported], defect[~reported]) if both else raised.detection).area().value
    took = f"{standard.name}; training took {standard.training:.1f} s"
    found.append(seconds_of(standard.seconds, len(truth), took))
    return Compared(standard, tuple(found), apart, rank, areas(test, truth), raised)


def seconds_of(seconds: float, count: int, note: str) -> Estimate:
    """The time for one sequence as a figure."""
    return Estimate("seconds a sequence", seconds, math.nan, math.nan, count, better="lower", note=note)


def _accuracies(first: Reading, second: Reading, labels: Tensor, note: str) -> Estimate:
    hits = [(each.predicted == labels).numpy() for each in (first, second)]
    value = float(hits[0].mean() - hits[1].mean())
    return Estimate("difference in accuracy", value, *paired_shares(*hits), len(labels), note=note)


def log_loss_difference(
    first: Reading, second: Reading, labels: Tensor, note: str = "tempered less as read"
) -> Estimate:
    """Log loss of the second reading less that of the first, of the same sequences.

    With few misread sequences there is no interval: they decide, since a single one may gain or lose any number of
    nats. Just enough of them may be unusually many, and the interval is longer for that (`mean_difference`).
    """
    before, after = (one.log_probs.gather(-1, labels[:, None]).squeeze(-1).numpy() for one in (first, second))
    differences, note = before - after, f"nats; {note}"
    wrong = min(int((one.predicted != labels).sum()) for one in (first, second))
    low, high = mean_difference(differences, wrong, MISREAD)
    if wrong < MISREAD:
        low, high, note = math.nan, math.nan, f"{note}; no interval with fewer than {MISREAD} misread"
    return Estimate(
        "difference in log loss", float(differences.mean()), low, high, len(labels), better="lower", note=note
    )


def areas(reading: Reading, labels: Tensor) -> tuple[Estimate | None, ...]:
    """The area under the ROC curve of each class against all others; None for classes that all or none of them are."""
    own = [labels == label for label in range(reading.nats.shape[1])]
    return tuple(
        Detection.of(-defect_score(reading, label), mine).area() if 0 < int(mine.sum()) < len(mine) else None
        for label, mine in enumerate(own)
    )


def area_lines(names: Sequence[str], columns: Mapping[str, Sequence[Estimate | None]]) -> list[str]:
    """Lines of Markdown: the areas of each class by each classifier."""
    lines = [
        f"| area under the ROC curve: class against all others | {' | '.join(columns)} |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for name, row in zip(names, zip(*columns.values(), strict=True), strict=True):
        if all(each is not None for each in row):
            lines.append(f"| {cell(name)} | {' | '.join(map(_area, row))} |")
    return lines


def _area(found: Estimate | None) -> str:
    if found is None:
        return ""
    ends = "" if math.isnan(found.low) else f" ({found.low:.3f} to {found.high:.3f})"
    return f"{found.value:.3f}{ends}"


def recommended(beside: Sequence[Compared], seconds: float) -> tuple[str, str]:
    """Which classifier to use, and why.

    The reading is to be used only if the test part shows that it is better than each standard classifier: the intervals
    of all differences are above 0. Otherwise it is the standard classifier that was best on the validation part, of
    those that the test part does not show to be worse than the reading.

    Args:
        beside: The standard classifiers, at least one.
        seconds: Time of the reading for one sequence.

    Returns:
        The name, `reading` or that of the classifier, and a sentence.
    """
    what = "accuracy" if beside[0].alarm is None else "area under the ROC curve"
    open_ = [each for each in beside if not each.apart.low > 0]
    if not open_:
        ahead = ", ".join(f"{_between(each.apart)} above that of the {each.name}" for each in beside)
        cost = f"One sequence takes {_time(seconds)} to read."
        return "reading", (f"**Use the reading**: its {what} on the test part is {ahead}. {cost}")
    best = max(open_, key=lambda each: each.rank)
    if best.apart.high < 0:
        why = f"its {what} on the test part is higher, by {-best.apart.high:.3f} to {-best.apart.low:.3f}"
    else:
        ends = "" if math.isnan(best.apart.low) else f", {_between(best.apart)}"
        why = "the test part does not show that the reading is better"
        why += f" (difference in {what} {best.apart.value:.3f}{ends})"
    cost = f"One sequence takes {_time(best.standard.seconds)}, and {_time(seconds)} to read."
    return best.name, f"**Use the {best.name}, not the reading**: {why}. {cost}"


def _between(figure: Estimate) -> str:
    return f"{figure.low:.3f} to {figure.high:.3f}"


def _time(seconds: float) -> str:
    if math.isnan(seconds):
        return "an unknown time"
    return f"{seconds:.2g} s" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms"
