"""How often the interval of a difference between two arms of a pilot contains the truth, and puts a table into a page.

Run as `python -m studies.pilots`.
"""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np
from scipy.stats import norm

from dguide.evaluate.statistics.crossed import Part, crossed
from dguide.files import replacing

PAGE, MARK = Path(__file__).parents[1] / "docs/pilot.md", "<!-- python -m studies.pilots -->"
TRIALS = 1000
EXAMPLES, RUNS = (10, 20, 36, 100, 400), (2, 3, 5)
LAWS = ((0.64, 0.64), (0.64, 0.80), (0.90, 0.96))
"""Recall of the two arms."""
SHARED, OWN, OF_RUN = 2.0, 0.5, 0.4
"""Standard deviations: of examples for all arms, of an example for one arm, of a run for one arm; of a decision 1."""


def coverage(count: int, runs: int, law: tuple[float, float], trials: int = TRIALS, seed: int = 0) -> float:
    """Share of trials whose interval contains the true difference of two arms."""
    rng, spread = np.random.default_rng(seed), math.sqrt(1 + SHARED**2 + OWN**2 + OF_RUN**2)
    means, truth, inside = [spread * norm.ppf(each) for each in law], law[1] - law[0], 0
    for _ in range(trials):
        shared, sides = SHARED * rng.normal(size=count), []
        for mean in means:
            effect = mean + shared + OWN * rng.normal(size=count) + OF_RUN * rng.normal(size=(runs, 1))
            sides.append(effect + rng.normal(size=(runs, count)) > 0)
        found = crossed([Part(sides[1].astype(float) - sides[0], reach=1.0)]).within(-1, 1)
        inside += found.low <= truth <= found.high
    return inside / trials


def table() -> str:
    """The coverage of each case as Markdown."""
    heads = [f"{old:.0%} and {new:.0%}, {runs} runs" for old, new in LAWS for runs in RUNS]
    lines = [f"| test examples | {' | '.join(heads)} |", "|---:" * (1 + len(heads)) + "|"]
    for count in EXAMPLES:
        cells = [f"{coverage(count, runs, law):.3f}" for law, runs in product(LAWS, RUNS)]
        lines.append(f"| {count} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARK)
    after = rest.partition("\n\n## ")[2]
    with replacing(PAGE) as file:
        file.write_text(f"{before}{MARK}\n\n{table()}\n\n## {after}", encoding="utf-8")


if __name__ == "__main__":
    main()
