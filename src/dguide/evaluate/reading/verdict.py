"""Evaluates a reading of sequences with known classes: accuracy, calibration, and detection of defects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad
from ..evaluation import as_json, cell, figure, table
from ..statistics.estimate import Estimate
from ..statistics.proportion import proportion
from .alarms import Alarm, alarm, alarm_lines, alarms_as_json
from .answers import lines_of
from .calibration import calibration_estimates
from .classes import Reading, check_labels
from .comparison import Compared, area_lines, areas, compare, log_loss_difference, recommended, seconds_of
from .detection import defect_score, novelty_score
from .standard import Standard
from .temperature import MISTAKES, temperature_estimate

__all__ = ["Verdict", "check_parts", "verdict"]

_DIFFERENCE = "difference in log loss"


@dataclass(frozen=True, eq=False)
class Verdict:
    """The evaluation of a reading.

    The read class and the scores of defects are always those at T = 1. With unequal priors another class can be the
    most probable at the fitted temperature; then the figures contain the accuracy of both.

    Args:
        reading: The reading of both parts, at the temperature that was fitted to the validation part; at T = 1 without.
        labels: The true classes, [N].
        reported: Which sequences are of the test part, [N] bool; all figures are about these. The others are of the
            validation part.
        names: The names of the classes.
        temperature: The fitted temperature; nan with fewer than `MISTAKES` misread sequences in the validation part.
        estimates: The figures.
        alarms: The detection of defects, if there is a normal class: by the odds of known defects, and by novelty.
        seconds: Time of the reading for one sequence; nan if it is not known.
        beside: Standard classifiers on the same sequences.
    """

    reading: Reading
    labels: Tensor
    reported: Tensor
    names: tuple[str, ...]
    temperature: Estimate
    estimates: tuple[Estimate, ...]
    alarms: tuple[Alarm, ...]
    seconds: float = math.nan
    beside: tuple[Compared, ...] = ()

    @property
    def read(self) -> Reading:
        """The reading at T = 1."""
        return self.reading.tempered(1.0)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """The number of test sequences of class i that were read as class j, [C, C]."""
        size, read = len(self.names), self.read.predicted[self.reported]
        counts = torch.bincount(self.labels[self.reported] * size + read, minlength=size * size)
        confusion: NDArray[np.int64] = counts.view(size, size).numpy()
        return confusion

    @property
    def tempers(self) -> bool:
        """Whether the probabilities at the fitted temperature are to be used.

        The test part has to show that they are better: the interval of the difference in log loss is below 0.
        """
        return any(each.name == _DIFFERENCE and each.high < 0 for each in self.estimates)

    def as_markdown(self) -> str:
        """Tables of the figures, of the accuracy of each class, and of alarms, in Markdown."""
        lines = [
            *([recommended(self.beside, self.seconds)[1], ""] if self.beside else []),
            *table((*self.estimates, *(figure for each in self.beside for figure in each.estimates))),
            "",
            *self._advice(),
            "All figures and tables are of the test part.",
            "",
            "| class | read right | most often mistaken for |",
            "|---|---|---|",
            *self._classes(),
        ]
        if self.beside:
            own = {"reading": areas(self.read.take(self.reported), self.labels[self.reported])}
            lines += ["", *area_lines(self.names, own | {each.name: each.areas for each in self.beside})]
        if self.alarms:
            lines += ["", *alarm_lines(self.alarms)]
        return "\n".join(lines) + "\n"

    def _advice(self) -> list[str]:
        """What is known of the temperature, and which probabilities to use."""
        count, figure = int((~self.reported).sum()), self.temperature
        if math.isnan(figure.value):
            wrong = int((self.read.predicted != self.labels)[~self.reported].sum())
            why = f"{wrong} of {count:,} validation sequences are misread, and a fit takes at least {MISTAKES}"
            why = why if count else "there is no validation part"
            return [f"**No temperature**: {why}. Use the probabilities as read."]
        lines = [
            f"Temperature {figure.value:.3g} ({figure.low:.2g} to {figure.high:.2g}), fitted to {count:,} validation "
            "sequences."
        ]
        if self.tempers:
            return [*lines, "**Use the probabilities tempered**: the test part shows that their log loss is lower."]
        return [*lines, "**Use the probabilities as read**: the test part does not show that tempered ones are better."]

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
                "estimates": [figure(estimate) for estimate in self.estimates],
                "temperature": self.temperature.value,
                "use": "tempered" if self.tempers else "as read",
                "passes": self.reading.passes,
                "sequences": {"test": int(self.reported.sum()), "validation": int((~self.reported).sum())},
                "classes": list(self.names),
                "confusion": self.confusion.tolist(),
                "alarms": alarms_as_json(self.alarms),
                "classifiers": [each.values() for each in self.beside],
                "recommended": recommended(self.beside, self.seconds)[0] if self.beside else None,
            }
        )

    def as_csv(self, places: Sequence[str] = ()) -> str:
        """One line of CSV for each sequence: place, true class, read class, log-odds and their error, part, the classes
        that standard classifiers name, probabilities.

        The log-odds of the read class against the second best, and their error, are at T = 1. The probabilities are
        those to use (`tempers`).

        Args:
            places: Where each sequence stands, if that is known (`Split.places`).
        """
        classes = {"class": [self.names[label] for label in self.labels.tolist()]}
        after = {"part": ["test" if each else "validation" for each in self.reported.tolist()]}
        for each in self.beside:
            after[each.name] = [self.names[label] for label in each.standard.reading.predicted.tolist()]
        reading = self.reading if self.tempers else self.read
        return lines_of(reading, self.names, {"place": places} | classes if places else classes, after)


def verdict(
    reading: Reading,
    labels: Tensor,
    reported: Tensor,
    names: Sequence[str],
    *,
    normal: int | None = None,
    standard: Sequence[Standard] = (),
    seconds: float = math.nan,
    repetitions: int = 200,
    seed: int = 0,
) -> Verdict:
    """Evaluates a reading. Fits temperature and thresholds to the validation part, and reports on the test part.

    What the validation part lacks is not fitted, and all else is reported.

    Args:
        reading: The reading of N sequences, of both parts.
        labels: The true classes, [N].
        reported: Which sequences are of the test part, [N] bool; the others are of the validation part.
        names: The names of the classes.
        normal: The class without a defect; None without detection of defects.
        standard: Standard classifiers, with their answers for the same sequences.
        seconds: Time of the reading for one sequence; nan if it is not known.
        repetitions: Number of draws for what a calibrated classifier gets.
        seed: Their seed.

    Raises:
        ValueError: As in `check_parts`.
    """
    check_labels(labels, *reading.nats.shape)
    check_parts(labels, reported, normal)
    reading = reading.tempered(1.0)
    fitted, test, truth = reading.take(~reported), reading.take(reported), labels[reported]
    temperature = Estimate("temperature", math.nan, math.nan, math.nan, 0)
    if len(fitted.nats):
        temperature = temperature_estimate(fitted, labels[~reported])
    options = {"repetitions": repetitions, "seed": seed}
    accuracy, *others = calibration_estimates(test.log_probs, truth, **options)
    estimates = [replace(accuracy, note=f"{reading.passes} passes"), *(each.noted("as read") for each in others)]
    if not math.isnan(temperature.value):
        tempered = test.tempered(temperature.value)
        equal = bool((reading.log_prior == reading.log_prior[0]).all())
        first = 1 if equal else 0  # with equal priors no temperature changes the accuracy
        figures = calibration_estimates(tempered.log_probs, truth, **options)[first:]
        estimates += [each.noted("tempered") for each in figures]
        estimates += [log_loss_difference(test, tempered, truth), replace(temperature, note="of the validation part")]
        reading = reading.tempered(temperature.value)
    alarms: tuple[Alarm, ...] = ()
    if normal is not None:
        read, defect = reading.tempered(1.0), labels != normal
        scores = {"odds of known defects": defect_score(read, normal), "novelty": novelty_score(read, normal)}
        alarms = tuple(alarm(name, score, defect, reported) for name, score in scores.items())
    estimates += [each.detection.area(each.name) for each in alarms]
    if alarms:
        first_alarm, second = alarms
        words = f"{first_alarm.name}, less that by {second.name}"
        estimates.append(first_alarm.detection.difference(second.detection, words))
    beside = tuple(compare(reading, each, labels, reported, normal=normal, **options) for each in standard)
    if beside and not math.isnan(seconds):
        estimates.append(seconds_of(seconds, len(truth), "reading"))
    alarms += tuple(each.alarm for each in beside if each.alarm)
    return Verdict(reading, labels, reported, tuple(names), temperature, tuple(estimates), alarms, seconds, beside)


def check_parts(labels: Tensor, reported: Tensor, normal: int | None = None, names: Sequence[str] = ()) -> None:
    """Checks that there is a test part, with and without a defect if there is a normal class.

    Args:
        labels: The true classes, [N].
        reported: As in `verdict`.
        normal: As in `verdict`.
        names: The names of the classes, for the error.

    Raises:
        ValueError: If it is not so, or there is not one bool for each sequence.
    """
    if reported.shape != labels.shape or reported.dtype != torch.bool:
        raise bad("reported", f"{list(reported.shape)} {reported.dtype}", f"{list(labels.shape)} bool")
    if not reported.any():
        raise bad("sequences of the test part", 0, "at least one to report on")
    if normal is None:
        return
    good, count = int((labels[reported] == normal).sum()), int(reported.sum())
    if not 0 < good < count:
        kinds = f"{names[normal]!r} and of other classes" if names else "without and with a defect"
        remedy = "Choose another normal class, or add data: 20 % of each class are in the test part."
        raise bad(f"sequences of {kinds} in the test part", f"{good} and {count - good}", "both kinds", remedy)
