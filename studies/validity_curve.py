"""How the share of valid molecules rises with training: the best weights of a run so far, after each evaluation.

The run is that of `qm9-masked` (docs/checkpoints.md), whose best weights were copied after each evaluation to
runs/qm9-curve/STEP. Each copy draws 1,000 molecules, without condition and guidance.
"""

from __future__ import annotations

from typing import Any

import dguide
from dguide import checkpoint
from dguide.checkpoint import Checkpoint
from dguide.data import load
from dguide.evaluate.evaluation import figure
from dguide.evaluate.statistics.intervals import share
from dguide.evaluate.texts.chemistry import Molecules
from studies.common import ROOT, Study, inside, table
from studies.evidence.models import told

__all__ = ["STUDY"]

FOLDER, COUNT, SEED = ROOT / "runs/qm9-curve", 1000, 0
SAMPLERS = {"`FirstHitting()`": dguide.FirstHitting(), "`LowEntropy(24)`": dguide.LowEntropy(24)}


def valid(source: Checkpoint, sampler: dguide.Sampler) -> dict[str, Any]:
    """The share of valid molecules of a checkpoint."""
    codec: Any = source.codec
    drawn = dguide.sample(
        source.model,
        process=source.process,
        length=codec.length,
        condition=told(load(source.config.data), COUNT, {}),
        sampler=sampler,
        seed=SEED,
    )
    return figure(share("valid", Molecules.of(codec, drawn.tokens).valid, better="higher"))


def compute() -> dict[str, Any]:
    rows = []
    for step in sorted(int(each.name) for each in FOLDER.iterdir() if each.name.isdigit()):
        source = checkpoint.load(FOLDER / str(step))
        shares = {name: valid(source, sampler) for name, sampler in SAMPLERS.items()}
        rows.append({"step": step, "bits": source.config.validation_bits, "valid": shares})
        print(rows[-1], flush=True)
    return {"model": "qm9-masked", "count": COUNT, "seed": SEED, "rows": rows}


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = [
        [
            f"{row['step']:,}",
            f"{row['bits']:.3f}",
            *(inside(each["value"], each["low"], each["high"], ".3f") for each in row["valid"].values()),
        ]
        for row in results["rows"]
    ]
    heads = " | ".join(f":{name}" for name in SAMPLERS)
    return {"qm9-masked, training": table(f":steps | :validation bits | {heads}", rows)}


STUDY = Study("validity_curve", "checkpoints.md", "a minute of one core for each copy", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
