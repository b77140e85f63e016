"""What a guided draw costs, as a multiple of reading the same rows of both predictions once.

Reading is the sum of both tensors. Times are interleaved, one of each in every round; the medians are compared, and the
least of all rounds stands beside them, which a busy machine disturbs less.

    python benchmarks/draws.py [--rounds N] [--threads N ...] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dguide.categorical import Decoding, Rows, compiled, vectorised

SHAPES = ((128, 126_464), (20, 16_385), (64, 19))
DTYPES = (torch.float32, torch.bfloat16)
ASKED = {"token": (False, False), "partition": (True, False), "spread": (False, True), "both": (True, True)}
RESULTS = Path(__file__).parent / "results" / "draws.json"


def timed(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def interleaved(works: dict[str, Callable[[], object]], rounds: int, times: int) -> dict[str, list[float]]:
    """Seconds of each of the works in every round, after one that warms up; each round in another order."""
    found: dict[str, list[float]] = {name: [] for name in works}
    order, shuffled = list(works), random.Random(0)
    for number in range(rounds + 1):
        shuffled.shuffle(order)
        for name in order:
            seconds = timed(works[name], times)
            if number:
                found[name].append(seconds)
    return found


def works(count: int, vocab: int, dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    generator = torch.Generator().manual_seed(0)
    c, u = (3 * torch.randn(2, count, vocab, generator=generator)).to(dtype)
    index = torch.randperm(count, generator=generator)
    weight = torch.full((count,), 2.0, dtype=torch.float64)
    uniforms = torch.rand(count, generator=generator, dtype=torch.float64)
    asked: tuple[Any, ...] = (Rows(c, index), Rows(u, index), weight, uniforms, Decoding())
    none = torch.zeros(0, dtype=torch.int64)

    def read() -> Tensor:
        return c.sum() + u.sum()

    found: dict[str, Callable[[], object]] = {"read": read}
    for name, flags in ASKED.items():
        found[f"compiled, {name}"] = lambda flags=flags: compiled.fast(*asked, none, *flags)  # type: ignore[misc]
    for name in ("token", "both"):
        flags = ASKED[name]
        found[f"fast, {name}"] = lambda flags=flags: vectorised.fast(*asked, none, *flags)  # type: ignore[misc]
    return found


def measure(threads: int, count: int, vocab: int, dtype: torch.dtype, rounds: int) -> dict[str, Any]:
    torch.set_num_threads(threads)
    times = max(1, 2_000_000 // (count * vocab) // 4)
    seconds = interleaved(works(count, vocab, dtype), rounds, min(times, 50))
    rows = {
        name: {
            "microseconds_a_row": 1e6 * statistics.median(taken) / count,
            "reads": statistics.median(taken) / statistics.median(seconds["read"]),
            "reads_at_best": min(taken) / min(seconds["read"]),
        }
        for name, taken in seconds.items()
    }
    return {"threads": threads, "rows": count, "vocab": vocab, "dtype": str(dtype).removeprefix("torch."), "cost": rows}


def show(case: dict[str, Any]) -> None:
    read = case["cost"]["read"]["microseconds_a_row"]
    print(f"\n{case['rows']} rows of {case['vocab']} in {case['dtype']}, {case['threads']} threads: "
          f"reading a row of both takes {read:.2f} us")  # fmt: skip
    for name, cost in case["cost"].items():
        print(f"  {name:22s}{cost['microseconds_a_row']:10.2f} us{cost['reads']:8.2f} reads"
              f"{cost['reads_at_best']:8.2f} at best")  # fmt: skip


def machine() -> dict[str, object]:
    def said(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
        return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout else "unknown"

    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return {
        "commit": said("git", "rev-parse", "--short", "HEAD"),
        "processor": names[0] if names else platform.processor(),
        "cores": len(names),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "compiler": said("cc", "--version"),
    }


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds behind each median (default: 15)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads to try (default: 1 2)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file for the numbers")
    options = parser.parse_args()
    if compiled.library() is None:
        sys.exit("there is no compiled library here")
    cases = []
    for threads in options.threads:
        for count, vocab in SHAPES:
            for dtype in DTYPES:
                cases.append(measure(threads, count, vocab, dtype, options.rounds))
                show(cases[-1])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"machine": machine(), "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
