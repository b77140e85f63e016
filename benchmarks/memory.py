"""Peak memory above the ready logits: what a run of a sampler needs besides what the network hands it.

Each case runs in a process of its own, after a warm-up at a tiny shape, so that loading libraries is not counted. The
peak is the high-water mark of resident memory: that of the process's own address space (VmHWM), since the one of
`getrusage` begins at the peak of whoever started the process. Baselines are given three of their steps, which are
alike.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from . import baselines, common, speed
from .common import Shape, Stub

MB = 1e6
_STATUS = Path("/proc/self/status")


def peak() -> int:
    """The most bytes of memory that this process has had so far."""
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return _status("VmHWM")


def _status(field: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    """Have the peak start anew from what is in use now, where the system allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        print("the peak cannot be reset here: it may be that of the warm-up", file=sys.stderr)


def work(who: str, stub: Stub, shape: Shape) -> Callable[[], object]:
    """What is measured: a whole run of dguide, or steps of a baseline."""
    if who.startswith("dguide "):
        sampler = common.samplers(shape.steps)[who.removeprefix("dguide ")]
        return lambda: common.sampled(stub, shape, sampler)
    steps = speed.baseline_steps(who, stub, shape)
    return lambda: [step() for step in steps]


def child(who: str, shape: Shape) -> dict[str, float]:
    """One case, in this process: bytes above the ready logits."""
    work(who, Stub(common.TINY), common.TINY)()
    stub = Stub(shape)
    main = work(who, stub, shape)
    forget_peak()
    before = peak()
    main()
    logits = stub.logits.numel() * stub.logits.element_size()
    return {"extra": peak() - before, "logits": logits}


def launch(who: str, shape: Shape, threads: int) -> dict[str, float]:
    """One case, in a process of its own."""
    case = json.dumps({"who": who, "shape": shape.__dict__, "threads": threads})
    command = [sys.executable, "-m", "benchmarks.memory", "--case", case]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=common.ROOT, env=os.environ)
    if done.returncode:
        raise SystemExit(f"{who} at {shape}: the process failed\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    options = common.options(__doc__, 1, "memory", "half a minute")
    began = common.machine()
    results: dict[str, Any] = {}
    for name in ("image", "language"):
        shape = common.quick(common.SHAPES[name]) if options.quick else common.SHAPES[name]
        people = [f"dguide {order}" for order in common.samplers(shape.steps)] + list(baselines.BASELINES)
        found = {who: launch(who, shape, options.threads) for who in people}
        logits = next(iter(found.values()))["logits"]
        results[name] = {"logits": logits, "extra": {who: value["extra"] for who, value in found.items()}}
        print(f"\n{shape}: peak memory above the ready logits of {logits / MB:.0f} MB")
        for who, extra in results[name]["extra"].items():
            print(f"  {who:24s}{extra / MB:9.1f} MB")
    print(f"\n{common.write('memory', began, results, options.out)}")


def one_case() -> bool:
    """Whether this process is that of one case, which is then run."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--case")
    text = parser.parse_known_args()[0].case
    if text is None:
        return False
    case = json.loads(text)
    torch.set_num_threads(case["threads"])
    print(json.dumps(child(case["who"], Shape(**case["shape"]))))
    return True


if __name__ == "__main__" and not one_case():
    main()
