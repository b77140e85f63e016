"""What the bundled network costs at sampling time, and what faster ways to compute it change in the samples.

Costs are ratios of medians of processor time of interleaved repetitions on one thread, so that they mean something on a
busy machine:

- rows: logits at a sixteenth of the positions (a step of a sampler that decides 1/16 of them) against all of them;
- precisions: bfloat16, float16 and compiled, against float32, of the digits checkpoint and of a larger random network;
- flips: samples and tokens of the digits that differ from those of float32, everything else being equal, and the bits
  per held-out token at the same noise.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import dguide
from dguide import checkpoint, data
from dguide.evaluate import likelihood
from dguide.nn import Compiled, DiffusionTransformer, Inference
from studies.common import ROOT, Study, table

from . import common

__all__ = ["STUDY"]

SHARE, REPEATS, SAMPLES = 16, 11, 200
WAYS: dict[str, tuple[bool, str]] = {
    "float32": (False, "float32"),
    "bfloat16": (False, "bfloat16"),
    "float16": (False, "float16"),
    "float32, compiled": (True, "float32"),
    "bfloat16, compiled": (True, "bfloat16"),
}
ORDER = ("float32", "float32, batches of 7", "float32, compiled", "float16", "bfloat16", "bfloat16, compiled")
NAMES = {
    "digits": "digits checkpoint (width 96, 3 layers, V = 16)",
    "width 384, 6 layers, V = 1025": "width 384, 6 layers, V = 1025",
    "width 384, 6 layers, V = 16385": "width 384, 6 layers, V = 16385",
}
"""Networks, as the page has them."""


def awake(**sizes: Any) -> DiffusionTransformer:
    """A random network, none of whose weights is zero."""
    model = DiffusionTransformer(**sizes)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.02, generator=generator)
    return model.eval()


def large(vocab: int) -> DiffusionTransformer:
    """As the backbone of a real token model, in width and length, though with fewer layers."""
    return awake(
        vocab_size=vocab, n_classes=10, length=256, input_size=vocab + 1, shape=(16, 16), width=384, layers=6, heads=6
    )


def digits(process: str = "masked") -> checkpoint.Checkpoint:
    return checkpoint.load(ROOT / "checkpoints" / f"digits-{process}")


def medians(works: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median processor seconds of each, which take turns; the first turn only warms up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            began = time.process_time()
            work()
            if turn:
                times[name].append(time.process_time() - began)
    return {name: statistics.median(found) for name, found in times.items()}


def batch_for(model: DiffusionTransformer, batch: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, model.input_size, (batch, model.length), generator=generator)
    rows = torch.randperm(tokens.numel(), generator=generator)[: tokens.numel() // SHARE].sort().values
    return tokens, torch.rand(batch, generator=generator), torch.arange(batch) % model.n_classes, rows


def rows(repeats: int) -> list[dict[str, Any]]:
    """All positions against a sixteenth of them, by vocabulary."""
    found = []
    for name, model, batch in (
        ("digits", digits().model, 64),
        ("width 384, 6 layers, V = 1025", large(1025), 2),
        ("width 384, 6 layers, V = 16385", large(16385), 2),
    ):
        ready = Inference(model)
        *arguments, chosen = batch_for(model, batch)
        times = medians(
            {
                "forward": lambda ready=ready, a=arguments: ready(*a),  # type: ignore[misc]
                "logits_at": lambda ready=ready, a=arguments, r=chosen: ready.logits_at(*a, r),  # type: ignore[misc]
            },
            repeats,
        )
        ratio = times["forward"] / times["logits_at"]
        found.append({"network": name, "batch": batch, "seconds": times, "forward / logits_at": ratio})
        print(f"{name}: all positions {1e3 * times['forward']:.1f} ms, 1/{SHARE} of them "
              f"{1e3 * times['logits_at']:.1f} ms: {ratio:.2f} times as fast", flush=True)  # fmt: skip
    return found


def made(model: DiffusionTransformer) -> dict[str, Inference]:
    return {
        name: Inference(model, *([Compiled()] if compiled else []), dtype=dtype)
        for name, (compiled, dtype) in WAYS.items()
    }


def precisions(repeats: int) -> list[dict[str, Any]]:
    """Every way against float32, at a sixteenth of the positions."""
    found = []
    cases = [("digits", digits().model, 64), ("width 384, 6 layers, V = 1025", large(1025), 2)]
    for name, model, batch in cases:
        arguments = batch_for(model, batch)
        ways = made(model)
        times = medians(
            {way: lambda r=ready, a=arguments: r.logits_at(*a) for way, ready in ways.items()},  # type: ignore[misc]
            repeats,
        )
        speed = {way: times["float32"] / seconds for way, seconds in times.items()}
        found.append({"network": name, "batch": batch, "seconds": times, "float32 / way": speed})
        print(f"{name}: " + "; ".join(f"{way} {ratio:.2f}" for way, ratio in speed.items()), flush=True)
    return found


def bits(ready: Inference, loaded: checkpoint.Checkpoint) -> float:
    """Bits per held-out token."""
    split = data.load("digits").test
    return likelihood(lambda *a: ready(*a).float(), loaded.process, split.tokens, split.labels).bits


def flips(samples: int) -> list[dict[str, Any]]:
    """How many of the samples of one seed come out otherwise."""
    found = []
    for process in ("masked", "uniform"):
        loaded = digits(process)

        def draw(ready: Inference, batch: int | None, loaded: checkpoint.Checkpoint = loaded) -> torch.Tensor:
            return dguide.sample(
                ready,
                process=loaded.process,
                length=64,
                condition=torch.arange(samples) % 10,
                guidance=dguide.Normalized(dguide.RampUp(2.0)),
                sampler=dguide.Ancestral(32),
                seed=0,
                batch_size=batch,
            ).tokens

        ways = made(loaded.model)
        base = draw(ways["float32"], samples)
        others = {"float32": base, "float32, batches of 7": draw(ways["float32"], 7)}
        others |= {way: draw(ready, samples) for way, ready in ways.items() if way != "float32"}
        held_out = {way: bits(ready, loaded) for way, ready in ways.items()}
        print(f"{process}, bits per held-out token: {held_out}", flush=True)
        for way, tokens in others.items():
            differ = tokens != base
            shares = {"samples": float(differ.any(-1).float().mean()), "tokens": float(differ.float().mean())}
            found.append({"process": process, "way": way, "of": samples, **shares, "bits": held_out.get(way)})
            print(f"{process}, {way}: {100 * shares['samples']:.2f} % of samples, "
                  f"{100 * shares['tokens']:.3f} % of tokens differ", flush=True)  # fmt: skip
    return found


def machine() -> dict[str, Any]:
    """The processor, and which of its instructions matter here."""
    flags: list[str] = []
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        flags = next((line for line in lines if line.startswith("flags")), "").split()
    known = [word for word in ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16") if word in flags]
    return {"processor": common.machine()["cpu"], "instructions": known}


def compute() -> dict[str, Any]:
    return {
        "processor": machine(),
        "repeats": REPEATS,
        "rows": rows(REPEATS),
        "precisions": precisions(REPEATS),
        "flips": flips(SAMPLES),
    }


def sections(results: dict[str, Any]) -> dict[str, str]:
    speeds = [each["float32 / way"] for each in results["precisions"]]
    flipped = {(each["process"], each["way"]): each for each in results["flips"]}
    lines = []
    for way in (way for process, way in flipped if process == "masked"):
        differ = [flipped[process, way] for process in ("masked", "uniform")]
        shares = [f"{100 * each['samples']:.1f} %, {100 * each['tokens']:.2f} %" for each in differ]
        cells = [f"{speed[way]:.2f}" if way in speed else "" for speed in speeds]
        lines.append([way, *cells, *shares, "" if differ[0]["bits"] is None else f"{differ[0]['bits']:.4f}"])
    head = (
        "method | :digits, times as fast | :width 384, 6 layers | :differ, masked: samples, tokens "
        "| :differ, uniform: samples, tokens | :bits per token"
    )
    used = results["processor"]
    faster = [[NAMES[each["network"]], f"{each['forward / logits_at']:.2f}"] for each in results["rows"]]
    return {
        "processor": f"They are of one thread of this processor: {used['processor']}, with "
        f"{', '.join(used['instructions'])}.",
        "rows": table("network | :times as fast", faster),
        "precisions": table(head, sorted(lines, key=lambda line: ORDER.index(line[0]))),
    }


STUDY = Study("backbone", "speed-network.md", "ten minutes of one core", compute, sections, folder="benchmarks")

if __name__ == "__main__":
    STUDY.main(__doc__)
