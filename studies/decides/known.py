"""All problems whose truth is known, part by part."""

from __future__ import annotations

from typing import Any

from studies.decides import exact, kernel
from studies.evidence.evidence import Scale
from studies.order_effects import PER_CLASS

__all__ = ["blurred_digits", "random_problems"]

SEEDS, QUICK_SEEDS = range(100, 106), range(100, 101)
QUICK_ERRORS = ("none", "independent, 0.5")


def random_problems(scale: Scale) -> list[dict[str, Any]]:
    """What `exact.cases` has, of all seeds."""
    found: list[dict[str, Any]] = []
    for seed in QUICK_SEEDS if scale.quick else SEEDS:
        part = {"part": "random problems", "seed": seed, "weights": exact.WEIGHTS, "steps": exact.STEPS,
                "sequences": exact.SEQUENCES}  # fmt: skip
        found += scale.kept(part, lambda seed=seed: {"problems": exact.cases(seed)})["problems"]  # type: ignore[misc]
        print(f"decides: random problems of seed {seed}", flush=True)
    return found


def blurred_digits(scale: Scale) -> list[dict[str, Any]]:
    """What `kernel.cases` has, of all kinds of errors."""
    ready, found = kernel.ready(), []
    for errors in QUICK_ERRORS if scale.quick else kernel.ERRORS:
        part = {"part": "blurred digits", "errors": errors, "planted": kernel.ERRORS[errors], "weight": kernel.WEIGHT,
                "steps": kernel.STEPS, "seed": kernel.SEED, "images": PER_CLASS}  # fmt: skip
        found.append(scale.kept(part, lambda errors=errors: kernel.cases(errors, *ready)))  # type: ignore[misc]
        print(f"decides: blurred digits, {errors}", flush=True)
    return found
