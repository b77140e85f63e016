"""On a GPU: the fused draws against the bandwidth of a copy, whole runs beside the baselines, and with a network.

The draw of masks reads both logits once and writes one token a row, so the least it could take is the time to read
them. Of the uniform process, who leaves is read off both logits once; log Z_w, and where rows land, take another read.
What each achieves in bytes a second is compared with a device-to-device copy of 1 GiB on the same card, a byte read and
a byte written counted as two. Times are CUDA events, medians of interleaved repetitions.

Without CUDA it says so and exits with status 2. With --quick it tries itself out at tiny shapes, on the CPU too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch

import dguide.categorical as categorical

from . import baselines, common, gpu_network, speed
from .common import Stub

ROWS, VOCAB, LARGE_VOCAB = 4096, 126_464, 262_144
READS = {
    "draw": 1,
    "draw with log Z": 1,
    "uniform: who leaves": 1,
    "uniform: with log Z": 2,
    "uniform: where all land": 1,
}
"""How often each work reads both logits."""
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
    works: dict[str, Callable[[], object]] = {
        "draw": lambda: categorical.guided_draw(*pair, weight, uniforms),  # type: ignore[attr-defined]
        "draw with log Z": lambda: categorical.guided_draw(*pair, weight, uniforms, partition=True),  # type: ignore[attr-defined]
        **jumps(*pair, weight, uniforms),
        "copy": lambda: target.copy_(source),
    }
    times = common.interleaved(works, repeats, clock)
    middle = common.medians(times)
    read = cond.numel() * cond.element_size() + ref.numel() * ref.element_size()
    rates = {who: times * read / middle[who] for who, times in READS.items()} | {"copy": 2 * copied / middle["copy"]}
    return {
        "rows": rows,
        "vocab": vocab,
        "bytes read": read,
        "seconds": middle,
        "bytes a second": rates,
        "share of copy": rates["draw"] / rates["copy"],
        "shares": {who: rates[who] / rates["copy"] for who in READS},
        "times": times,
    }


def jumps(cond: Any, ref: Any, weight: Any, uniforms: Any) -> dict[str, Callable[[], object]]:
    """What a step of the uniform process does with rows, in the middle of a run."""
    nothing = torch.zeros(0, dtype=torch.int64, device=weight.device)
    present = torch.arange(len(weight), device=weight.device) % cond.values.shape[-1]
    floor, exits = categorical.Floor(1.0, 1e-5, 0.5), categorical.Exits(0.1, 0.2, (0.9, 0.8))
    leaving = categorical.FlooredRequest(cond, ref, weight, present, floor, nothing, exits=exits)
    known = categorical.floored_sums(leaving).known  # type: ignore[union-attr]
    landing = leaving._replace(known=known, uniforms=uniforms)

    def found(asked: Any, name: str) -> Callable[[], object]:
        return lambda: getattr(categorical.floored_sums(asked), name)

    return {
        "uniform: who leaves": found(leaving, "tilted"),
        "uniform: with log Z": found(leaving._replace(partition=True), "log_z"),
        "uniform: where all land": found(landing, "token"),
    }


def runs(shape: common.Shape, device: str, dtype: torch.dtype, repeats: int, clock: Clock) -> dict[str, Any]:
    """Seconds of whole runs of dguide and of the baselines on the device."""
    stub = Stub(shape, device, dtype)
    works = speed.works(shape, stub, whole=True)
    times = common.interleaved(works, repeats, clock)
    about = {"shape": str(shape), "dtype": str(dtype).removeprefix("torch.")}
    return about | {"seconds": common.medians(times), "times": times}


def show(results: dict[str, Any]) -> None:
    for found in (results["draw"], results["large draw"]):
        rates = found["bytes a second"]
        print(
            f"{found['rows']} rows, V = {found['vocab']:,}, bfloat16; a copy: {rates['copy'] / 1e9:.0f} GB/s "
            "(target: at least 70 % of it)"
        )
        for who, share in found["shares"].items():
            print(f"  {who:24s}{rates[who] / 1e9:8.0f} GB/s{100 * share:6.0f} %")
    print("\nWhole runs with a network of 100 million parameters, and their time outside it (target: at most 1 %)")
    for who, value in results["networks"]["seconds"].items():
        share = results["networks"]["share outside"][who]
        print(f"  {who:36s}{common.seconds(value):>10s}{100 * share:8.2f} %")
    for run in results["runs"].values():
        own = run["seconds"]["dguide ancestral"]
        print(f"\n{run['shape']}, {run['dtype']}, whole runs")
        for who, value in run["seconds"].items():
            text = baselines.SOURCES.get(who, "")
            print(f"  {who:24s}{common.seconds(value):>10s}{value / own:9.1f} x   {text}")


def main() -> None:
    options = common.options(__doc__, 5, "gpu", "at most four minutes")
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
    results: dict[str, Any] = {"draw": bandwidth(device, *sizes, 4 * repeats, clock)}
    rows, vocab, copied = sizes
    large = 2 * vocab if options.quick else LARGE_VOCAB
    results["large draw"] = bandwidth(device, rows, large, copied, 4 * repeats, clock)
    results["networks"] = gpu_network.measure(device, options.quick, repeats, waited)
    results["runs"] = {}
    for name, shape in common.SHAPES.items():
        shape = common.quick(shape) if options.quick else shape
        results["runs"][name] = runs(shape, device, torch.float32, repeats, waited)
    show(results)
    print(f"\n{common.write('gpu', began, results, options.out)}")


if __name__ == "__main__":
    main()
