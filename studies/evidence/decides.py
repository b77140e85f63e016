"""What decides which mechanism and schedule win, and whether it is known before sampling."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from studies.decides.case import QUESTIONS, Case, jsonable
from studies.decides.known import blurred_digits, random_problems
from studies.decides.measured import measured
from studies.decides.page import pictures, sections
from studies.decides.replaced import replaced
from studies.decides.rule import Rule
from studies.decides.score import alone, left_out, pairs, score
from studies.evidence.evidence import Evidence, Scale

__all__ = ["EVIDENCE"]


def compute(scale: Scale) -> dict[str, Any]:
    """Problems with known truth, the rule that is fitted to them, and its score on real models."""
    problems, blurred = random_problems(scale), blurred_digits(scale)
    to_data, to_target = (
        [Case.of(each) for problem in problems for each in problem["cases"][what]] for what in ("data", "target")
    )
    fitted = [*to_data, *(Case.of(each["case"]) for each in blurred)]
    models, cases = measured(scale)
    predicted = pairs(fitted, cases)
    found = {
        # Their many cases would be a large file: the rule and its score are what is left of them.
        "problems": [{name: part for name, part in each.items() if name != "cases"} for each in problems],
        "blurred": blurred,
        "models": models,
        "replaced": replaced(scale),
        "cases": [case.record() for case in cases],
        "rules": {question: Rule.fit(fitted, question).record() for question in QUESTIONS},
        "alone": {
            question: {name: asdict(each) for name, each in alone(fitted, question).items()} for question in QUESTIONS
        },
        "score": {
            "known": score(left_out([], fitted)).record(),
            "known, target": score(left_out([], to_target)).record(),
            "real": score(predicted).record(),
            "real, others seen": score(left_out(fitted, cases)).record(),
        },
        "predictions": [pair.record() for pair in predicted],
    }
    return dict(jsonable(found))


EVIDENCE = Evidence(
    "decides",
    "5 minutes of one core, beside the results of grids that it reads",
    "2 minutes",
    compute,
    sections,
    pictures,
    "results-decides.md",
)
