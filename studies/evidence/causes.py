"""Why the findings of docs/results.md are as they are: the causes on its first page, as the results have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dguide.evaluate import Proportion
from studies.common import inside
from studies.evidence.findings import MEAN, STEPS, Results
from studies.evidence.share.hypotheses import AGAIN
from studies.evidence.tested import CONFIRMED, REFUTED
from studies.mechanisms import NAMES as MECHANISMS
from studies.mechanisms import unpacked

__all__ = ["exact", "of_sampler", "of_tails", "section"]


def section(results: Results) -> str:
    """One paragraph for each cause that was measured."""
    return "\n".join(f"- {each}" for each in (exact(results), of_sampler(results), of_tails(results)) if each)


def exact(results: Results) -> str:
    """Why: the pace and the order of `Unlocking` exchanged one at a time on problems that are solved exactly."""
    orders = unpacked(dict(results["mechanisms"]))[1]
    of = {(row.errors, row.pace, row.order): row for row in orders.rows() if row.steps == orders.steps}
    plain, other = MECHANISMS[0].lower(), MECHANISMS[1].lower()
    cases = (("none", other, plain), ("none", plain, other), ("independent", plain, other))
    pace, order, erring = (of[case].worse for case in cases)
    count = of[cases[0]].distance.count
    words = "How many positions leave at once is one cause" if pace.low > 0.5 else "The cause is open"
    return (
        f"**{words}.** `Unlocking` differs from `Normalized` in its *pace* (how many positions leave in a step) and in "
        f"its *order* (which ones leave first). On {count} small problems that are solved exactly (constant "
        f"w = {orders.weight:g}, T = {orders.steps}), the pace alone {_harms(pace)}. The order alone {_harms(order)} "
        f"if the predictions are exact, and {_harms(erring)} if the two predictions err independently "
        "([details](when-it-matters.md#order-pace-and-errors-one-at-a-time))."
    )


def of_sampler(results: Results) -> str:
    """What a sampler does to the gap between the mechanisms; nothing if it was not measured."""
    found = results.get("sampler-share")
    if found is None:
        return ""
    asked = {"steps": STEPS, "schedule": "constant", "mean": MEAN}
    of = {p["part"]: p for p in found["parts"] if {key: p[key] for key in asked} == asked}
    if "gap" not in of:  # a reduced size has fewer steps
        return ""
    gap, rejection, order = (of[name] for name in ("gap", "rejection", "order"))
    with_rejection, without = (inside(part["difference"], part["low"], part["high"]) for part in (gap, order))
    hides = "This makes the gap between the mechanisms smaller"
    widens = "This makes the gap between the mechanisms larger"
    is_open = "What this does to the gap between the mechanisms is open"
    does = hides if rejection["high"] < 0 else widens if rejection["low"] > 0 else is_open
    return (
        "**Compare mechanisms with `FirstHitting` or `Ancestral`.** `TauLeaping` rejects a position that would jump "
        f"several times in a step. {does}: with `TauLeaping` "
        f"`Unlocking` is further from the data than `Normalized` by {with_rejection}, with `FirstHitting` by "
        f"{without} (`{found['model']}`, {found['figure']}, w = {MEAN:g}, T = {STEPS}, "
        f"{found['count'] * len(found['seeds'])} samples, seeds {', '.join(map(str, found['seeds']))}; "
        f"[details](results-samplers.md)).{_again(found.get('further', []))}"
    )


def of_tails(results: Results) -> str:
    """What a floor under both predictions does; nothing if it was not measured."""
    found = results.get("tails")
    if found is None:
        return ""
    tests = [each for one in (*found["molecules"], *found["further"]) for each in one["hypotheses"]]
    count, opposite = ([each["verdict"] for each in tests].count(said) for said in (CONFIRMED, REFUTED))
    advice = "Mistrust guidance at improbable tokens" if count > opposite else "A floor under the predictions was tried"
    models = ", ".join(f"`{name}`" for name in found["models"])
    return (
        f"**{advice}.** There both predictions are tiny, and the weight multiplies the error of their ratio. A floor "
        f"of {found['floor']:g} under both was shown to be better in {count} of {len(tests)} tests that were stated "
        f"beforehand, and the opposite in {opposite}. A floor also weakens guidance, which can be a part of the gain "
        f"({models}; [details](results-tails.md))."
    )


def _again(models: Sequence[Mapping[str, Any]]) -> str:
    """On how many further models the rejection makes the gap smaller."""
    if not models:
        return ""
    said = [each["verdict"] for model in models for each in model["hypotheses"] if each["name"] == AGAIN[0].name]
    count, opposite = (said.count(each) for each in (CONFIRMED, REFUTED))
    return f" A smaller gap was shown on {count} of {len(said)} further models too, and the opposite on {opposite}."


def _harms(worse: Proportion) -> str:
    """What a share of problems with a larger distance to the target says, beside a half."""
    said = "harms" if worse.low > 0.5 else "helps" if worse.high < 0.5 else "makes no clear difference"
    return f"{said} (worse on a share of {worse.value:.2f}, interval {worse.low:.2f} to {worse.high:.2f})"
