"""On a GPU: the fused guided draw against the bandwidth of a copy, and whole runs beside the baselines.

The draw reads both logits once and writes one token a row, so the least it could take is the time to read them. What it
achieves in bytes a second is compared with a device-to-device copy of 1 GiB on the same card, a byte read and a byte
written counted as two. Times are CUDA events, medians of interleaved repetitions.

Without CUDA it says so and exits with status 2. With --quick it tries itself out at tiny shapes, on the CPU too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch

import dguide.categorical as categorical

from . import baselines, common, speed
from .common import Stub

ROWS, VOCAB = 4096, 126_464
COPIED = 1 << 30
Clock = Callable[[Callable[[], object]], float]


def events(work: Callable[[], object]) -> float:
    """Seconds of `work` between two CUDA events."""
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    began.record()
    work()
    ended.record()
    torch.cuda.synchronize()
    return began.elapsed_time(ended) / 1e3


def waited(work: Callable[[], object]) -> float:
    """Seconds of `work` on the clock of the wall, until the device is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def bandwidth(device: str, rows: int, vocab: int, copied: int, repeats: int, clock: Clock) -> dict[str, Any]:
    """Bytes a second of the guided draw in bfloat16 and of a copy, and their ratio."""
    generator = torch.Generator(device).manual_seed(0)
    cond, ref = (
        torch.empty(rows, vocab, dtype=torch.bfloat16, device=device).normal_(generator=generator) for _ in range(2)
    )
    index = torch.arange(rows, device=device)
    weight = torch.full((rows,), common.WEIGHT, dtype=torch.float64, device=device)
    uniforms = torch.rand(rows, dtype=torch.float64, device=device, generator=generator)
    rows_of = categorical.LogitRows  # type: ignore[attr-defined]
    pair = rows_of(cond, index), rows_of(ref, index)
    source = torch.empty(copied, dtype=torch.uint8, device=device).zero_()
    target = torch.empty_like(source)
    works = {
        "draw": lambda: categorical.guided_draw(*pair, weight, uniforms),  # type: ignore[attr-defined]
        "copy": lambda: target.copy_(source),
    }
    times = common.interleaved(works, repeats, clock)
    middle = common.medians(times)
    read = cond.numel() * cond.element_size() + ref.numel() * ref.element_size()
    rates = {"draw": read / middle["draw"], "copy": 2 * copied / middle["copy"]}
    return {
        "rows": rows,
        "vocab": vocab,
        "bytes read": read,
        "seconds": middle,
        "bytes a second": rates,
        "share of copy": rates["draw"] / rates["copy"],
        "times": times,
    }


def runs(shape: common.Shape, device: str, dtype: torch.dtype, repeats: int, clock: Clock) -> dict[str, Any]:
    """Seconds of whole runs of dguide and of the baselines on the device."""
    stub = Stub(shape, device, dtype)
    works = speed.works(shape, stub, whole=True)
    times = common.interleaved(works, repeats, clock)
    about = {"shape": str(shape), "dtype": str(dtype).removeprefix("torch.")}
    return about | {"seconds": common.medians(times), "times": times}


def show(results: dict[str, Any]) -> None:
    found = results["draw"]
    rates = found["bytes a second"]
    print(
        f"Guided draw of {found['rows']} rows, V = {found['vocab']:,}, bfloat16: {rates['draw'] / 1e9:.0f} GB/s, "
        f"{100 * found['share of copy']:.0f} % of a copy's {rates['copy'] / 1e9:.0f} GB/s (target: at least 70 %)"
    )
    for run in results["runs"].values():
        own = run["seconds"]["dguide ancestral"]
        print(f"\n{run['shape']}, {run['dtype']}, whole runs")
        for who, value in run["seconds"].items():
            text = baselines.SOURCES.get(who, "")
            print(f"  {who:24s}{common.seconds(value):>10s}{value / own:9.1f} x   {text}")


def main() -> None:
    options = common.options(__doc__, 5, "gpu", "at most two and a half minutes")
    there = torch.cuda.is_available()
    if not there and not options.quick:
        print("benchmarks.gpu: no CUDA device is available to PyTorch here; nothing was measured.", file=sys.stderr)
        raise SystemExit(2)
    if not hasattr(categorical, "guided_draw"):
        print("benchmarks.gpu: this version of dguide has no categorical.guided_draw to measure.", file=sys.stderr)
        raise SystemExit(2)
    device, clock = ("cuda", events) if there else ("cpu", waited)
    began = common.machine()
    began |= {"gpu": torch.cuda.get_device_name() if there else began["cpu"], "cuda": torch.version.cuda}
    sizes, repeats = ((8, 64, 1 << 10), 1) if options.quick else ((ROWS, VOCAB, COPIED), options.repeats)
    results: dict[str, Any] = {"draw": bandwidth(device, *sizes, 4 * repeats, clock), "runs": {}}
    for name, shape in common.SHAPES.items():
        shape = common.quick(shape) if options.quick else shape
        results["runs"][name] = runs(shape, device, torch.float32, repeats, waited)
    show(results)
    print(f"\n{common.write('gpu', began, results, options.out)}")


if __name__ == "__main__":
    main()
