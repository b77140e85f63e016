"""What decides which mechanism and schedule win, and whether it is known before sampling."""

from __future__ import annotations

from typing import Any

from studies.decides.case import QUESTIONS, Case
from studies.decides.known import blurred_digits, random_problems
from studies.decides.measured import measured
from studies.decides.page import pictures, sections
from studies.decides.rule import Rule
from studies.decides.score import left_out, pairs, score
from studies.evidence.evidence import Evidence, Scale

__all__ = ["EVIDENCE"]


def compute(scale: Scale) -> dict[str, Any]:
    """Problems with known truth, the rule that is fitted to them, and its score on real models."""
    problems, blurred = random_problems(scale), blurred_digits(scale)
    fitted = [Case.of(each) for problem in problems for each in problem["cases"]["data"]]
    fitted += [Case.of(each["case"]) for each in blurred]
    models, cases = measured(scale)
    found = pairs(fitted, cases)
    return {
        "problems": problems,
        "blurred": blurred,
        "models": models,
        "cases": [case.record() for case in cases],
        "rules": {question: Rule.fit(fitted, question).record() for question in QUESTIONS},
        "score": {
            "known": score(left_out([], fitted)).record(),
            "real": score(found).record(),
            "real, others seen": score(left_out(fitted, cases)).record(),
        },
        "predictions": [pair.record() for pair in found],
    }


EVIDENCE = Evidence(
    "decides",
    "6 minutes of one core, and the results of the grids that are there",
    "a minute",
    compute,
    sections,
    pictures,
)
