"""The real models: signals on validation data, beside the outcomes that other studies have."""

from __future__ import annotations

from typing import Any

from studies.decides import real
from studies.decides.case import Case, outlook_record, signals_of
from studies.evidence.evidence import Scale
from studies.evidence.models import FOLDER, dataset, loaded, weights

__all__ = ["WEIGHT", "check_weights", "measured"]

WEIGHT = 3.0
"""w of the signals that the page shows, for every model."""
SEQUENCES, QUICK_SEQUENCES = 128, 16
STEPS = (8, 16, 32, 64)


def measured(scale: Scale) -> tuple[list[dict[str, Any]], list[Case]]:
    """The signals of every masked model at one weight, and a case for each outcome."""
    outcomes = real.outcomes()
    models = sorted({path.name for path in FOLDER.iterdir()} | {outcome.model for outcome in outcomes})
    shown, cases = [], []
    for model in models:
        data = loaded(model).config.data
        if not loaded(model).process.absorbing:
            continue
        mine = [outcome for outcome in outcomes if outcome.model == model]
        check_weights(model, mine)
        by_weight = {
            weight: signals(scale, model, weight) for weight in sorted({WEIGHT, *(outcome.weight for outcome in mine)})
        }
        shown.append(by_weight[WEIGHT] | {"model": model, "data": data})
        for outcome in mine:
            known = by_weight[outcome.weight]["by steps"][str(outcome.steps)]
            cases.append(Case(data, model, outcome.weight, outcome.steps, known, outcome.gains()))
    return shown, cases


def check_weights(model: str, outcomes: list[real.Outcome]) -> None:
    """Ends the program if samples were drawn by other weights than those whose signals are measured."""
    for outcome in outcomes:
        if outcome.sha256 not in ("", weights(model)):
            raise SystemExit(
                f"{outcome.file} is of other weights of {model} than checkpoints/{model}: measure it again"
            )


def signals(scale: Scale, model: str, weight: float) -> dict[str, Any]:
    """The outlook of a model at one weight, from the kept parts if it was measured before."""
    sequences = QUICK_SEQUENCES if scale.quick else SEQUENCES
    digest = weights(model)

    def make() -> dict[str, Any]:
        found = real.held_out_outlook(loaded(model), dataset(model), weight, sequences)
        return {
            "levels": outlook_record(found),
            "by steps": {str(steps): signals_of(found, steps) for steps in STEPS},
            "weight": weight,
            "sequences": found.sequences,
            "rows": found.rows,
            "sha256": digest,
        }

    part = {"part": "signals", "model": model, "sha256": digest, "weight": weight, "sequences": sequences, "seed": 0,
            "steps": STEPS}  # fmt: skip
    print(f"decides: signals of {model} at w = {weight:g}", flush=True)
    return scale.kept(part, make)
