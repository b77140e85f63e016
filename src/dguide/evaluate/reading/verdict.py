"""Evaluates a reading of sequences with known classes: accuracy, calibration, and detection of defects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad
from ..evaluation import as_json, cell, table
from ..statistics.estimate import Estimate
from ..statistics.proportion import proportion
from .answers import lines_of
from .calibration import calibration_estimates
from .classes import Reading, check_labels, fit_temperature, fits
from .detection import Detection, Operating, defect_score, needed, novelty_score

__all__ = ["Alarm", "Kept", "Verdict", "check_halves", "verdict"]

_NO_FIT = """\
**The temperature {:.3g} is where its search ended, not a fit**: all sequences of the half that it was fitted to are
read right, or the probabilities say nothing about the classes. Read more sequences, or use the probabilities as read.
"""
FALSE_ALARMS = (0.01, 0.05)
MISSES = (0.01,)


@dataclass(frozen=True)
class Kept:
    """The mistakes of a threshold that was chosen on the other half.

    Args:
        promise: Its guaranteed mean share of mistakes.
        cost: Its false alarms and misses.
        few: The reason, if there are too few sequences for a guarantee; it then gives no or only alarms. Else "".
    """

    promise: str
    cost: Operating
    few: str


@dataclass(frozen=True, eq=False)
class Alarm:
    """The detection of defects by one score.

    Args:
        name: Name of the score.
        detection: Scores of the reported half.
        points: Mistakes on the reported half, for thresholds that were chosen on the other half.
    """

    name: str
    detection: Detection
    points: tuple[Kept, ...]


@dataclass(frozen=True, eq=False)
class Verdict:
    """The evaluation of a reading.

    The read class is always that at T = 1. With unequal priors another class can be the most probable at the fitted
    temperature; then the figures contain the accuracy of both.

    Args:
        reading: The reading of all sequences, at the temperature that was fitted to one half.
        labels: The true classes, [N].
        names: The names of the classes.
        reported: The other half, [N] bool. Calibration and alarms are reported on this half.
        estimates: The figures.
        alarms: The detection of defects, if there is a normal class: by the odds of known defects, and by novelty.
    """

    reading: Reading
    labels: Tensor
    names: tuple[str, ...]
    reported: Tensor
    estimates: tuple[Estimate, ...]
    alarms: tuple[Alarm, ...]

    @property
    def read(self) -> Reading:
        """The reading at T = 1."""
        return self.reading.tempered(1.0)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """The number of sequences of class i that were read as class j, [C, C]."""
        size = len(self.names)
        counts = torch.bincount(self.labels * size + self.read.predicted, minlength=size * size)
        confusion: NDArray[np.int64] = counts.view(size, size).numpy()
        return confusion

    @property
    def fitted(self) -> bool:
        """Whether the temperature is a fit, and not the end of its search."""
        return fits(self.reading.take(~self.reported), self.labels[~self.reported])

    def as_markdown(self) -> str:
        """Tables of the figures, of the accuracy of each class, and of alarms, in Markdown."""
        halves = f"{int(self.reported.sum()):,} of the sequences; the temperature was fitted to the others"
        lines = [
            *table(self.estimates),
            "",
            *([] if self.fitted else [_NO_FIT.format(self.reading.temperature)]),
            f"Temperature {self.reading.temperature:.3g}. What is tempered is reported on {halves}.",
            "The table of classes is of all of them, as read.",
            "",
            "| class | read right | most often mistaken for |",
            "|---|---|---|",
            *self._classes(),
        ]
        if self.alarms:
            lines += ["", "| alarm by | threshold promises | false alarms | misses |", "|---|---|---|---|"]
            for alarm in self.alarms:
                for point in alarm.points:
                    promise = f"{point.promise}: {point.few}" if point.few else point.promise
                    lines.append(f"| {alarm.name} | {promise} | {point.cost.false_alarms} | {point.cost.misses} |")
            lines += [
                "",
                "Thresholds were chosen on one half of the sequences; shares are of the other half. A promise is "
                "about the mean share, over all such halves and other sequences.",
            ]
        return "\n".join(lines) + "\n"

    def _classes(self) -> list[str]:
        lines, confusion = [], self.confusion
        for label, (name, row) in enumerate(zip(self.names, confusion, strict=True)):
            if row.sum() == 0:
                continue
            others = row.copy()
            others[label] = 0
            worst = f"{cell(self.names[others.argmax()])} ({others.max()})" if others.any() else ""
            lines.append(f"| {cell(name)} | {proportion(int(row[label]), int(row.sum()))} | {worst} |")
        return lines

    def as_json(self) -> str:
        """The evaluation as JSON."""
        return as_json(
            {
                "estimates": [asdict(estimate) for estimate in self.estimates],
                "temperature": self.reading.temperature,
                "passes": self.reading.passes,
                "classes": list(self.names),
                "confusion": self.confusion.tolist(),
                "alarms": [
                    {
                        "by": alarm.name,
                        "points": [
                            {"kept": point.promise, "too few": point.few} | asdict(point.cost) for point in alarm.points
                        ],
                    }
                    for alarm in self.alarms
                ],
            }
        )

    def as_csv(self, places: Sequence[str] = ()) -> str:
        """One line of CSV for each sequence: place, true class, read class, log-odds and their error, half,
        probabilities.

        The log-odds of the read class against the second best, and their error, are at T = 1. The probabilities are at
        the fitted temperature, or at T = 1 if there is no fit.

        Args:
            places: Where each sequence stands, if that is known (`Split.places`).
        """
        classes = {"class": [self.names[label] for label in self.labels.tolist()]}
        half = {"half": ["reported" if each else "fitted" for each in self.reported.tolist()]}
        reading = self.reading if self.fitted else self.reading.tempered(1.0)
        return lines_of(reading, self.names, {"place": places} | classes if places else classes, half)


def verdict(
    reading: Reading,
    labels: Tensor,
    names: Sequence[str],
    *,
    normal: int | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> Verdict:
    """Evaluates a reading. Fits temperature and thresholds on a random half of each class, and uses the other half.

    Args:
        reading: The reading of N sequences.
        labels: The true classes, [N].
        names: The names of the classes.
        normal: The class without a defect; None without detection of defects.
        repetitions: Number of bootstrap samples.
        seed: Seed of the bootstrap and of the halves.

    Raises:
        ValueError: As in `check_halves`, and if there is not one class for each sequence.
    """
    check_labels(labels, *reading.nats.shape)
    check_halves(labels, normal)
    reading = reading.tempered(1.0)
    reported = _half(labels, normal, seed)
    fitted, other = reading.take(~reported), reading.take(reported)
    temperature = fit_temperature(fitted, labels[~reported])
    options = {"repetitions": repetitions, "seed": seed}
    whole = calibration_estimates(reading.log_probs, labels, **options)[0]
    estimates = [replace(whole, note=f"{reading.passes} passes")]
    equal = bool((reading.log_prior == reading.log_prior[0]).all())
    first = 1 if equal else 0  # with equal priors no temperature changes the accuracy
    for how, one in (("as read", other), ("tempered", other.tempered(temperature))):
        for each in calibration_estimates(one.log_probs, labels[reported], **options)[first:]:
            estimates.append(replace(each, note="; ".join(filter(None, (how, each.note)))))
    alarms = []
    if normal is not None:
        for name, score in (("odds of known defects", defect_score), ("novelty", novelty_score)):
            scores, defect = score(reading.tempered(temperature), normal), labels != normal
            fitted_half, reported_half = (Detection.of(scores[rows], defect[rows]) for rows in (~reported, reported))
            estimates.append(replace(reported_half.area(**options), note=name))
            alarms.append(Alarm(name, reported_half, _points(fitted_half, reported_half)))
    tempered = reading.tempered(temperature)
    return Verdict(tempered, labels, tuple(names), reported, tuple(estimates), tuple(alarms))


def check_halves(labels: Tensor, normal: int | None = None, names: Sequence[str] = ()) -> None:
    """Checks that there are enough sequences for two halves.

    Args:
        labels: The true classes, [N].
        normal: As in `verdict`.
        names: The names of the classes, for the error.

    Raises:
        ValueError: If there are fewer than two sequences, or fewer than two with a defect or without a defect.
    """
    if len(labels) < 2:
        raise bad("sequences", len(labels), "at least two, one half to fit and one to report on")
    if normal is None:
        return
    good = int((labels == normal).sum())
    if min(good, len(labels) - good) < 2:
        what = (
            f"held-out sequences of {names[normal]!r} and of other classes"
            if names
            else "sequences without and with a defect"
        )
        remedy = "Choose another normal class, or add data: about a fifth of each class is held out."
        raise bad(what, f"{good} and {len(labels) - good}", "at least two of each", remedy)


def _half(labels: Tensor, normal: int | None, seed: int) -> Tensor:
    """A random half of each class, [N] bool. For odd numbers with or without a defect it is the smaller part."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    order = order[torch.argsort(labels[order], stable=True)]
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    defect = labels[order] != normal if normal is not None else torch.zeros(len(labels), dtype=torch.bool)
    for group in (order[defect], order[~defect]):
        chosen[group[1::2]] = True
    return chosen


def _points(fitted_half: Detection, reported_half: Detection) -> tuple[Kept, ...]:
    """Mistakes on one half, for thresholds that are chosen on the other half."""
    good, defects = len(fitted_half.good), len(fitted_half.bad)
    points = []
    for share in FALSE_ALARMS:
        promise, few = f"at most {share:.0%} false alarms", _too_few(good, share, "without a defect")
        points.append(Kept(promise, reported_half.at(fitted_half.for_false_alarms(share)), few))
    for share in MISSES:
        promise, few = f"at most {share:.0%} misses", _too_few(defects, share, "with a defect")
        points.append(Kept(promise, reported_half.at(fitted_half.for_misses(share)), few))
    return tuple(points)


def _too_few(count: int, share: float, kind: str) -> str:
    least = needed(share)
    return f"too few to promise it, {count} sequences {kind} of {least} that it takes" if count < least else ""
