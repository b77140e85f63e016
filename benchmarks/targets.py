"""What the samplers are asked to reach, and where in the results it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from studies.common import about

from . import baselines

Results = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """One number that is asked for: `find` takes it out of the results, `least` says on which side it should be."""

    text: str
    limit: float
    find: Callable[[Results], float]
    least: bool = False
    unit: str = ""
    digits: int = 2

    @property
    def asked(self) -> str:
        return f"{'at least' if self.least else 'at most'} {self.limit:g}{self.unit}"

    def value(self, results: Results) -> float | None:
        """The number, or None if it was not measured."""
        try:
            return self.find(results)
        except KeyError:
            return None

    def met(self, value: float) -> bool:
        return value >= self.limit if self.least else value <= self.limit

    def shown(self, value: float) -> str:
        return f"{value:,.{0 if value >= 100 else self.digits}f}{self.unit}"


def verdict(target: Target, value: float | None) -> str:
    return "" if value is None else "yes" if target.met(value) else "**no**"


def _faster(shape: str, baseline: str, own: str) -> Callable[[Results], float]:
    def find(results: Results) -> float:
        seconds = results["speed"]["results"][shape]["seconds"]
        return float(seconds[baseline] / seconds[own])

    return find


def _faster_than_the_best(results: Results) -> float:
    seconds = results["speed"]["results"]["small"]["seconds"]
    published = (seconds[name] for name in baselines.BASELINES if name != "leaving")
    return float(min(published) / seconds["dguide ancestral"])


def _beside_a_network(results: Results) -> float:
    """Whole runs at the image shape: the network's time is added to both, and is that of `network`."""
    seconds, found = results["speed"]["results"]["image"]["seconds"], results["network"]["results"]["large"]["outside"]
    network = found["of steps"] * found["seconds"] / found["calls"] * (1 - found["share outside"])
    return float((network + seconds["poisson"]) / (network + seconds["dguide tau-leaping"]))


def _uniform_reads(*mechanisms: str) -> Callable[[Results], float]:
    """The dearest step of the uniform process with these mechanisms at the large shapes, as a multiple of reading."""

    def find(results: Results) -> float:
        shapes = (found["reads"] for found in results["uniform"]["results"].values() if found["vocab"] > 1000)
        return max(float(reads[f"{sampler}, {mechanism}"])
                   for reads in shapes
                   for sampler in ("Ancestral", "Euler", "TauLeaping")
                   for mechanism in mechanisms)  # fmt: skip

    return find


def _uniform_faster(shape: str) -> Callable[[Results], float]:
    """The dearest step of the uniform process against the plug-in posterior."""

    def find(results: Results) -> float:
        found = results["uniform"]["results"][shape]
        own = max(value for who, value in found["seconds"].items() if ", " in who)
        return float(found["seconds"]["plug-in"] / own)

    return find


def _masked_reads(results: Results) -> float:
    """The dearest run of the masked process whose pace content sets, as a multiple of one read of its rows."""
    found = results["masked"]["results"]
    return max(
        float(found[f"{sampler}, {mechanism}"]["ratio"])
        for sampler in ("Ancestral", "Euler", "TauLeaping")
        for mechanism in ("Unlocking", "Simple")
    )


def _memory(shape: str) -> Callable[[Results], float]:
    def find(results: Results) -> float:
        extra = results["memory"]["results"][shape]["extra"]
        return max(float(value) for who, value in extra.items() if who.startswith("dguide")) / 1e6

    return find


def _reading(shape: str, way: str) -> Callable[[Results], float]:
    return lambda results: float(results["confidence"]["results"][shape]["ratio"][way])


TARGETS = (
    Target("image shape: times faster than a loop that reads only the positions that leave, `Ancestral`", 1,
           _faster("image", "leaving", "dguide ancestral"), least=True, unit=" x", digits=1),
    Target("image shape: times faster than plain Poisson tau-leaping, `TauLeaping`", 300,
           _faster("image", "poisson", "dguide tau-leaping"), least=True, unit=" x", digits=0),
    Target("the same with the time of a network of 100 million parameters added to both", 1, _beside_a_network,
           least=True, unit=" x", digits=1),
    Target("language shape: times faster than LLaDA's float64 Gumbel in random order, `Ancestral`", 500,
           _faster("language", "llada", "dguide ancestral"), least=True, unit=" x", digits=0),
    Target("language shape: times faster than LLaDA in low-confidence order, `LowConfidence`", 40,
           _faster("language", "llada-low-confidence", "dguide low-confidence"), least=True, unit=" x", digits=1),
    Target("small shape: times faster than a loop that reads only the positions that leave, `Ancestral`", 1,
           _faster("small", "leaving", "dguide ancestral"), least=True, unit=" x", digits=1),
    Target("small shape: times faster than the best published baseline, `Ancestral`", 5, _faster_than_the_best,
           least=True, unit=" x", digits=1),
    Target("the same, hoped for", 10, _faster_than_the_best, least=True, unit=" x", digits=1),
    Target("uniform process, large shapes: a step with `Normalized` over reading both logits, every sampler", 4,
           _uniform_reads("Normalized")),
    Target("uniform process, large shapes: a step with `Unlocking` or `Simple` over reading both logits", 6,
           _uniform_reads("Unlocking", "Simple")),
    Target("uniform process, V = 16,384: times faster than the plug-in posterior, every sampler and mechanism", 40,
           _uniform_faster("V = 16,384"), least=True, unit=" x", digits=1),
    Target("uniform process, QM9's shape: times faster than the plug-in posterior, every sampler and mechanism", 4,
           _uniform_faster("QM9"), least=True, unit=" x", digits=1),
    Target("image shape: a run with `Unlocking` or `Simple` over one read of the rows that it must look at", 2,
           _masked_reads, digits=1),
    Target("image shape: peak memory above the logits, every sampler measured", 32, _memory("image"), unit=" MB",
           digits=1),
    Target("language shape: peak memory above the logits, every sampler measured", 32, _memory("language"), unit=" MB",
           digits=1),
    Target("language shape, `LowConfidence`: a step over reading its masked rows once, row by row", 2.5,
           _reading("language", "row by row")),
    Target("language shape, `LowConfidence`: a step over reading its masked rows once, as one sum", 2.5,
           _reading("language", "one sum")),
    Target("image shape, `LowConfidence`: a step over reading its masked rows once, row by row", 2.5,
           _reading("image", "row by row")),
    Target("image shape, `LowConfidence`: a step over reading its masked rows once, as one sum", 2.5,
           _reading("image", "one sum")),
    Target("network of 100 million parameters: share of time outside it", 1,
           lambda results: 100 * float(results["network"]["results"]["large"]["outside"]["share outside"]), unit=" %"),
    Target("network of 100 million parameters: guidance on half of [0, 1] over constant guidance", 0.8,
           lambda results: float(results["network"]["results"]["large"]["half"]["ratio"]), digits=3),
    Target("network of the digits: guidance on half of [0, 1] over constant guidance", 0.8,
           lambda results: float(results["network"]["results"]["digits"]["half"]["ratio"]), digits=3),
    Target("GPU: bandwidth of the guided draw over that of a copy", 70,
           lambda results: 100 * float(results["gpu"]["results"]["draw"]["share of copy"]), least=True, unit=" %",
           digits=0),
    Target("GPU: bandwidth of who leaves in a step of the uniform process over that of a copy", 70,
           lambda results: 100 * float(results["gpu"]["results"]["draw"]["shares"]["uniform: who leaves"]), least=True,
           unit=" %", digits=0),
    Target("GPU: share of time outside a network of 100 million parameters, at worst", 1,
           lambda results: 100 * max(results["gpu"]["results"]["networks"]["share outside"].values()), unit=" %"),
)  # fmt: skip


if __name__ == "__main__":
    about(__doc__, "all benchmarks")
