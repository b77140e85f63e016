"""What a reading of sequences of known classes is worth: right how often, sure rightly, and defects found or missed."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import bad
from ..evaluate import (
    Detection,
    Estimate,
    Operating,
    Reading,
    calibration_estimates,
    defect_score,
    fit_temperature,
    novelty_score,
    proportion,
)
from ..evaluate.evaluation import as_json, table

__all__ = ["Alarm", "Verdict", "verdict"]

FALSE_ALARMS = (0.01, 0.05)
MISSES = (0.01,)


@dataclass(frozen=True, eq=False)
class Alarm:
    """Defect or not, by one score.

    Args:
        name: Of the score.
        found: Scores of the sequences that are reported on.
        points: What thresholds cost there that were chosen on the other sequences, by what they were to keep.
    """

    name: str
    found: Detection
    points: tuple[tuple[str, Operating], ...]


@dataclass(frozen=True, eq=False)
class Verdict:
    """A reading judged.

    Args:
        reading: Of all sequences, at the temperature that was fitted to one half of them.
        labels: Their classes, [N].
        names: The names of the classes.
        reported: Which are the other half, [N] bool: all is reported on it that was not fitted to it.
        estimates: Figures.
        alarms: Defect or not, if there is a normal class: by the odds of known defects, and by novelty.
    """

    reading: Reading
    labels: Tensor
    names: tuple[str, ...]
    reported: Tensor
    estimates: tuple[Estimate, ...]
    alarms: tuple[Alarm, ...]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """How many sequences of class i were read as class j, [C, C]."""
        size = len(self.names)
        counts = torch.bincount(self.labels * size + self.reading.predicted, minlength=size * size)
        found: NDArray[np.int64] = counts.view(size, size).numpy()
        return found

    def as_markdown(self) -> str:
        """Tables of the figures, of how often each class is read right, and of alarms."""
        halves = f"{int(self.reported.sum()):,} of the sequences; the temperature was fitted to the others"
        lines = [
            *table(self.estimates),
            "",
            f"Temperature {self.reading.temperature:.3g}. What is tempered is reported on {halves}.",
            "",
            "| class | read right | most often mistaken for |",
            "|---|---|---|",
            *self._classes(),
        ]
        if self.alarms:
            lines += ["", "| alarm by | threshold kept | false alarms | misses |", "|---|---|---|---|"]
            for alarm in self.alarms:
                for kept, point in alarm.points:
                    lines.append(f"| {alarm.name} | {kept} | {point.false_alarms} | {point.misses} |")
            lines += [
                "",
                "Thresholds were chosen on one half of the sequences; shares are of the other half.",
            ]
        return "\n".join(lines) + "\n"

    def _classes(self) -> list[str]:
        lines, confusion = [], self.confusion
        for label, (name, row) in enumerate(zip(self.names, confusion, strict=True)):
            if row.sum() == 0:
                continue
            others = row.copy()
            others[label] = 0
            worst = f"{self.names[others.argmax()]} ({others.max()})" if others.any() else ""
            lines.append(f"| {name} | {proportion(int(row[label]), int(row.sum()))} | {worst} |")
        return lines

    def as_json(self) -> str:
        """The same for programs."""
        return as_json(
            {
                "estimates": [asdict(found) for found in self.estimates],
                "temperature": self.reading.temperature,
                "passes": self.reading.passes,
                "classes": list(self.names),
                "confusion": self.confusion.tolist(),
                "alarms": [
                    {"by": alarm.name, "points": [{"kept": kept} | asdict(point) for kept, point in alarm.points]}
                    for alarm in self.alarms
                ],
            }
        )

    def as_csv(self) -> str:
        """One line for each sequence: its class, what was read, how sure, and what the draws leave open."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        probs, predicted = self.reading.log_probs.exp(), self.reading.predicted
        half = ["fitted", "reported"]
        writer.writerow(["class", "read", "error of log-odds", "half", *(f"p({name})" for name in self.names)])
        for row, (label, found) in enumerate(zip(self.labels.tolist(), predicted.tolist(), strict=True)):
            error = f"{float(self.reading.error[row]) / self.reading.temperature:.4g}"
            values = [f"{p:.6g}" for p in probs[row].tolist()]
            writer.writerow([self.names[label], self.names[found], error, half[int(self.reported[row])], *values])
        return text.getvalue()


def verdict(
    reading: Reading,
    labels: Tensor,
    names: Sequence[str],
    *,
    normal: int | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> Verdict:
    """Judges a reading: temperature and thresholds on a random half of each class, figures on the other.

    Args:
        reading: Of sequences.
        labels: Their classes, [N].
        names: Of the classes.
        normal: The class without a defect; None if it is no question of defects.
        repetitions: Number of bootstrap samples.
        seed: Of these and of the halves.

    Raises:
        ValueError: If a half has no sequences, or only defects or none, or there is not one class for each sequence.
    """
    if len(labels) < 2:
        raise bad("sequences", len(labels), "at least two, one half to fit and one to report on")
    reported = _half(labels, seed)
    fitted, other = reading.take(~reported), reading.take(reported)
    temperature = fit_temperature(fitted, labels[~reported])
    options = {"repetitions": repetitions, "seed": seed}
    whole = calibration_estimates(reading.log_probs, labels, **options)[0]
    estimates = [replace(whole, note=f"{reading.passes} passes")]
    for how, one in (("as read", other), ("tempered", other.tempered(temperature))):
        for each in calibration_estimates(one.log_probs, labels[reported], **options)[1:]:
            estimates.append(replace(each, note="; ".join(filter(None, (how, each.note)))))
    alarms = []
    if normal is not None:
        for name, score in (("odds of known defects", defect_score), ("novelty", novelty_score)):
            scores, defect = score(reading.tempered(temperature), normal), labels != normal
            chosen, told = (Detection.of(scores[rows], defect[rows]) for rows in (~reported, reported))
            points = [(f"at most {share:.0%} false alarms", chosen.for_false_alarms(share)) for share in FALSE_ALARMS]
            points += [(f"at most {share:.0%} misses", chosen.for_misses(share)) for share in MISSES]
            estimates.append(replace(told.area(**options), note=name))
            alarms.append(Alarm(name, told, tuple((kept, told.at(threshold)) for kept, threshold in points)))
    found = reading.tempered(temperature)
    return Verdict(found, labels, tuple(names), reported, tuple(estimates), tuple(alarms))


def _half(labels: Tensor, seed: int) -> Tensor:
    """Half of the sequences of each class at random, [N] bool; of odd ones the smaller half."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    order = order[torch.argsort(labels[order], stable=True)]
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    chosen[order[1::2]] = True
    return chosen
