"""Signals of the shipped models of the uniform process. No rule was written for them, and none is scored.

The sequences are looked at in parts, so that every signal has an interval, whatever it is made of.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from dguide.denoiser import take
from dguide.evaluate.statistics.means import mean_interval
from dguide.theory.outlook import Outlook, outlook
from studies.common import inside, table
from studies.decides.case import outlook_record
from studies.evidence.evidence import Scale
from studies.evidence.models import FOLDER, dataset, loaded, weights

__all__ = ["figures", "replaced", "signals"]

WEIGHT, STEPS = 3.0, 16
SEQUENCES, QUICK_SEQUENCES, PARTS = 512, 32, 8
ROWS = {
    "pace": ("pace", ".2f"),
    "clash": ("clash", ".4f"),
    "dependence": ("dependence", ".3f"),
    "error_ratio": ("error_ratio", ".3f"),
    "shared": ("shared", ".2f"),
    "claimed": ("claimed", ".3f"),
    "excess": ("claimed minus confirmed", ".3f"),
    "leaving Normalized": ("leave, `Normalized`", ".2f"),
    "leaving Unlocking": ("leave, `Unlocking`", ".2f"),
}
"""The means over noise levels that the page shows: their words and format."""


def replaced(scale: Scale) -> list[dict[str, Any]]:
    """The signals of every shipped model whose noise is no mask."""
    models = sorted(path.name for path in FOLDER.iterdir())
    return [of(scale, model) for model in models if not loaded(model).process.absorbing]


def of(scale: Scale, model: str) -> dict[str, Any]:
    """The signals of a model, from the kept part if they were measured before."""
    most = QUICK_SEQUENCES if scale.quick else SEQUENCES
    sequences = min(most, len(dataset(model).validation.tokens))
    about = {"model": model, "sha256": weights(model), "weight": WEIGHT, "sequences": sequences, "seed": 0,
             "parts": PARTS, "steps": STEPS}  # fmt: skip
    print(f"decides: signals of {model} at w = {WEIGHT:g}", flush=True)
    return scale.kept({"part": "signals by parts"} | about, lambda: {**about, **measured(model, sequences)})


def measured(model: str, sequences: int) -> dict[str, Any]:
    """Of validation data, in parts of as many sequences."""
    source, data = loaded(model), dataset(model)
    split = data.validation
    condition, found = data.condition(split), []
    order = torch.randperm(len(split.tokens), generator=torch.Generator().manual_seed(0))
    for number, rows in enumerate(order[:sequences].chunk(PARTS)):
        found.append(
            outlook(
                source.model,
                source.process,
                split.tokens[rows],
                take(condition, rows),
                weight=WEIGHT,
                sequences=len(rows),
                seed=number,
            )
        )
    return {"data": source.config.data, "rows": sum(each.rows for each in found), **figures(found, STEPS)}


def figures(parts: list[Outlook], steps: int) -> dict[str, Any]:
    """Each signal at each noise level, and its mean over the levels: value, low and high, over the parts."""
    records = [told(part, steps) for part in parts]
    names = [name for name in records[0][0] if name != "level"]

    def interval(values: list[float]) -> dict[str, float]:
        low, high = mean_interval(np.array(values))
        return {"value": float(np.mean(values)), "low": float(low), "high": float(high)}

    levels = [
        {"level": records[0][k]["level"]} | {name: interval([part[k][name] for part in records]) for name in names}
        for k in range(len(records[0]))
    ]
    mean = {name: interval([float(np.mean([level[name] for level in part])) for part in records]) for name in names}
    return {"levels": levels, "mean": mean}


def told(part: Outlook, steps: int) -> list[dict[str, float]]:
    """The signals of a part by noise level."""
    record = outlook_record(part)
    for each, noise in zip(record, part.levels, strict=True):
        normalized, unlocking = noise.leaving(steps)
        each |= {"excess": noise.claimed - noise.confirmed, "leaving Normalized": normalized,
                 "leaving Unlocking": unlocking}  # fmt: skip
    return record


def signals(found: list[dict[str, Any]]) -> str:
    """A row for each signal, a column for each model."""
    first, counts = found[0], " and ".join(str(model["sequences"]) for model in found)
    rows = [
        [f"log Z_w at m = {level['level']:g}", *(shown(model["levels"][k]["log_z"], ".2f") for model in found)]
        for k, level in enumerate(first["levels"])
    ]
    rows += [[words, *(shown(model["mean"][name], form) for model in found)] for name, (words, form) in ROWS.items()]
    said = (
        f"w = {first['weight']:g}; {counts} sequences of the validation part in {first['parts']} parts, "
        "seeds 0 to "
        f"{first['parts'] - 1}; 95 % intervals over the parts. All but the first rows are means over these noise "
        f"levels. {overclaim(found)} `leave` is the number of positions that leave in one of {first['steps']} steps."
    )
    head = " | ".join(["signal", *(f":`{model['model']}`" for model in found)])
    return f"{table(head, rows)}\n\n{said}"


def overclaim(found: list[dict[str, Any]]) -> str:
    """Which models claim more evidence for their condition than held-out tokens have."""
    more = [f"`{model['model']}`" for model in found if model["mean"]["excess"]["low"] > 0]
    if not more:
        return "No model is shown to claim more evidence for its condition than held-out tokens confirm."
    return f"More evidence for the condition is claimed than held-out tokens confirm by {' and '.join(more)}."


def shown(figure: dict[str, float], form: str) -> str:
    return inside(figure["value"], figure["low"], figure["high"], form)
