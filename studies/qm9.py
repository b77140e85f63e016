"""How many molecules of QM9 are in the upper class of each condition, and how many have as many independent rings."""

from __future__ import annotations

from typing import Any

from dguide.data import load
from dguide.data.sets.molecules import measure, parse
from studies.common import Study

__all__ = ["STUDY"]


def compute() -> dict[str, Any]:
    dataset = load("qm9")
    everything = dataset.train.joined(dataset.validation).joined(dataset.test)
    above = {each.name: everything.properties[each.name] > each.threshold for each in dataset.conditions}
    rings = next(each.threshold for each in dataset.conditions if each.name == "rings")
    # No set of independent rings is larger than the symmetrised one, so the others need not be looked at.
    many = parse(dataset.codec.decode(everything.tokens[above["rings"]]))
    counts = {name: int(members.sum()) for name, members in above.items()}
    counts["independent rings"] = int((measure(many)["independent rings"] > rings).sum())
    thresholds = {each.name: float(each.threshold) for each in dataset.conditions}
    return {"molecules": len(everything), "thresholds": thresholds, "counts": counts}


def sections(results: dict[str, Any]) -> dict[str, str]:
    share = {name: f"{100 * count / results['molecules']:.1f} %" for name, count in results["counts"].items()}
    rings = results["thresholds"]["rings"] + 1
    return {
        "shares": f"Above the 90th percentile means {rings:g} rings or more; {share['rings']} of the molecules have "
        f"them, and {share['independent rings']} have\n{rings:g} or more independent rings. `qed` is above "
        f"{results['thresholds']['qed']:.4f} for {share['qed']}."
    }


STUDY = Study("qm9", "data-qm9.md", "a minute of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
