"""What all benchmarks share: shapes, a network that costs nothing, interleaved timing, and a record of where it ran.

Every number that is compared with another comes from one process and from repetitions that take turns, so that a ratio
of their medians means something on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import dguide
from studies.common import about, parser

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
WEIGHT = 1.0


@dataclass(frozen=True)
class Shape:
    """A problem of B samples of L tokens out of V columns, one of which is the mask, sampled in T steps."""

    name: str
    batch: int
    length: int
    vocab: int
    mask: int
    steps: int

    @property
    def process(self) -> dguide.Masked:
        return dguide.Masked(self.vocab, mask_id=self.mask)

    def __str__(self) -> str:
        return f"{self.name}: B = {self.batch}, L = {self.length}, V = {self.vocab:,}, {self.steps} steps"


IMAGE = Shape("image", batch=4, length=256, vocab=16_385, mask=16_384, steps=50)
LANGUAGE = Shape("language", batch=1, length=256, vocab=126_464, mask=126_336, steps=64)
SMALL = Shape("small", batch=64, length=64, vocab=19, mask=18, steps=64)
SHAPES = {shape.name: shape for shape in (IMAGE, LANGUAGE, SMALL)}
TINY = Shape("tiny", batch=2, length=8, vocab=33, mask=32, steps=4)
"""For warming up: whatever is loaded or compiled at first use is loaded and compiled here."""


class Stub:
    """A network whose logits are ready: normal ones, those of the conditional above those of the reference."""

    time_dependent = False

    def __init__(self, shape: Shape, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        # In place, so that making them never takes more memory than they do.
        self.logits = torch.empty(2 * shape.batch, shape.length, shape.vocab, device=device, dtype=dtype)
        self.logits.normal_(generator=torch.Generator(device).manual_seed(0))

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return self.logits[: len(tokens)]

    def null(self, condition: Tensor) -> Tensor:
        return condition


class Enough(Exception):
    """Raised by a callback to end a run whose first steps were all that was wanted."""


def samplers(steps: int) -> dict[str, Any]:
    """Samplers of dguide whose runs are timed, those that this version has."""
    names = {"ancestral": "Ancestral", "tau-leaping": "TauLeaping", "low-confidence": "LowConfidence"}
    return {order: getattr(dguide, name)(steps=steps) for order, name in names.items() if hasattr(dguide, name)}


def sampled(
    denoiser: Any, shape: Shape, sampler: Any, weight: Any = WEIGHT, device: str = "cpu", **options: Any
) -> dguide.Samples:
    """A whole run of `dguide.sample` at a shape, guided by `Normalized`."""
    return dguide.sample(
        denoiser,
        process=shape.process,
        length=shape.length,
        condition=torch.zeros(shape.batch, dtype=torch.int64, device=device),
        guidance=dguide.Normalized(weight=weight),
        sampler=sampler,
        device=device,
        **options,
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def interleaved(
    works: Mapping[str, Callable[[], object]], repeats: int, clock: Callable[[Callable[[], object]], float] = timed
) -> dict[str, list[float]]:
    """Seconds of each work, `repeats` times, taking turns in random order, after each has run once to warm up.

    Whoever comes next finds the caches of the last one, and its threads, which wait for more for a while.
    """
    for work in works.values():
        work()
    found: dict[str, list[float]] = {name: [] for name in works}
    order, shuffled = list(works), random.Random(0)
    for _ in range(repeats):
        shuffled.shuffle(order)
        for name in order:
            found[name].append(clock(works[name]))
    return found


def medians(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each."""
    return {name: statistics.median(values) for name, values in times.items()}


def machine() -> dict[str, Any]:
    """Where this runs and on what."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "dguide": dguide.__version__,
        "commit": _commit(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """The commit that is measured, marked where files of the package differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout

    try:
        changed = git("status", "--porcelain", "--", "src", "benchmarks/*.py").strip()
        return git("rev-parse", "HEAD").strip() + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def write(name: str, began: Mapping[str, Any], results: object, out: Path = RESULTS) -> Path:
    """Write results with the machine's record as JSON; readers see the old file or the new one, never half of one."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.json"
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps({"machine": dict(began), "results": results}, indent=1)
    temporary.write_text(text + "\n", encoding="utf-8")
    os.replace(temporary, path)
    return path


def options(description: str | None, repeats: int, name: str, takes: str) -> argparse.Namespace:
    """Command line of every benchmark that writes results/NAME.json."""
    command = parser(description, f"benchmarks/results/{name}.json", takes)
    command.add_argument("--repeats", type=int, default=repeats, help=f"repetitions (default: {repeats})")
    command.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of PyTorch")
    command.add_argument("--out", type=Path, default=RESULTS, help="another folder for the JSON")
    command.add_argument("--quick", action="store_true", help="tiny shapes, to see that it runs")
    found = command.parse_args()
    torch.set_num_threads(found.threads)
    return found


def quick(shape: Shape) -> Shape:
    """A shape so small that everything takes no time."""
    return Shape(shape.name, min(shape.batch, 2), 8, 33, 32, 4)


def seconds(value: float) -> str:
    """A duration for people."""
    return f"{value:.1f} s" if value >= 1 else f"{1e3 * value:.1f} ms" if value >= 1e-3 else f"{1e6 * value:.0f} us"


if __name__ == "__main__":
    about(__doc__, "all benchmarks")
