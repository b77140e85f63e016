"""With the trained models: what sampling and training of the digits and of QM9 take on this device.

Sampling is that of `dguide.sample` with `Ancestral`, without guidance, with `Normalized` of weight 1, and faster by
what `dguide.nn.Inference` offers. A training step is forward, backward and AdamW, on random tokens: a time does not
depend on what they say. Times are medians of interleaved repetitions, so that their ratios mean something on a busy
machine too.

The results go to a file with the name of the card.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

import dguide
from dguide import checkpoint
from dguide.checkpoint import Checkpoint
from dguide.devices import best_device
from dguide.nn import CudaGraphs, Inference
from dguide.samplers import Condition

from . import common
from .gpu import waited

MODELS = ("digits-masked", "digits-uniform", "qm9-masked", "qm9-uniform")
RATE = 1e-4


@dataclass(frozen=True)
class Load:
    """Samples and steps of one run of sampling; sequences in a batch and steps in one time of training."""

    samples: int
    steps: int
    batch: int
    batches: int


FULL = Load(samples=256, steps=32, batch=128, batches=10)
QUICK = Load(samples=4, steps=2, batch=4, batches=1)


def card(device: torch.device) -> str:
    """The name of the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(common.machine()["cpu"])


def conditions(loaded: Checkpoint, count: int, device: torch.device) -> Condition:
    """Classes of every condition, in turn; zero where a condition is a number."""
    each = {one.name: torch.arange(count, device=device) % max(one.n_classes, 1) for one in loaded.conditions}
    each |= {one.name: torch.zeros(count, device=device) for one in loaded.conditions if not one.n_classes}
    return each if len(each) > 1 else next(iter(each.values()))


def sampling(loaded: Checkpoint, device: torch.device, load: Load) -> dict[str, Callable[[], object]]:
    """Runs of sampling."""
    condition = conditions(loaded, load.samples, device)

    def run(network: Any, weight: float) -> Callable[[], object]:
        return lambda: dguide.sample(
            network,
            process=loaded.process,
            length=loaded.codec.length,
            condition=condition,
            guidance=dguide.Normalized(weight=weight),
            sampler=dguide.Ancestral(steps=load.steps),
            device=device,
        )

    plain = Inference(loaded.model)
    works = {"guided": run(plain, common.WEIGHT), "not guided": run(plain, 0.0)}
    works["guided, bfloat16"] = run(Inference(loaded.model, dtype="bfloat16"), common.WEIGHT)
    if device.type == "cuda":
        works["guided, CUDA graphs"] = run(Inference(loaded.model, CudaGraphs()), common.WEIGHT)
        graphs = Inference(loaded.model, CudaGraphs(), dtype="bfloat16")
        works["guided, CUDA graphs, bfloat16"] = run(graphs, common.WEIGHT)
    return works


def training(loaded: Checkpoint, device: torch.device, load: Load) -> dict[str, Callable[[], object]]:
    """Steps of training, in float32 and with bfloat16 where PyTorch thinks it safe."""
    source = torch.Generator().manual_seed(0)
    shape = (load.batch, loaded.codec.length)
    clean = torch.randint(loaded.codec.vocab_size, shape, generator=source).to(device)
    level = (torch.arange(load.batch, dtype=torch.float64) + 0.5) / load.batch
    time = loaded.process.noise.time(level).to(device)
    uniforms = torch.rand((*shape, 2), generator=source, dtype=torch.float64).clamp_min(2.0**-54).to(device)
    noisy = loaded.process.corrupt(clean, time, uniforms)
    condition = conditions(loaded, load.batch, device)
    model = type(loaded.model)(**loaded.model.hyperparameters).to(device)
    model.reseed(torch.Generator(device).manual_seed(0))  # for dropout
    optimizer = torch.optim.AdamW(model.parameters(), RATE)

    def steps(narrow: bool) -> None:
        for _ in range(load.batches):
            with torch.autocast(device.type, torch.bfloat16, enabled=narrow):
                log_p = loaded.process.log_probs(model(noisy, time, condition))
                loss = loaded.process.elbo(log_p, clean, noisy, time).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return {"training": lambda: steps(False), "training, bfloat16": lambda: steps(True)}


def measure(name: str, device: torch.device, load: Load, repeats: int) -> dict[str, Any]:
    """Medians of one model: seconds a run and samples a second, seconds a step, and each over its plain way."""
    loaded = checkpoint.load(name, device)
    drawn = common.interleaved(sampling(loaded, device, load), repeats, waited)
    taught = common.interleaved(training(loaded, device, load), repeats, waited)
    runs, steps = common.medians(drawn), {who: s / load.batches for who, s in common.medians(taught).items()}
    return {
        "seconds": runs | steps,
        "samples a second": {who: load.samples / s for who, s in runs.items()},
        "ratio": {who: s / runs["guided"] for who, s in runs.items()}
        | {who: s / steps["training"] for who, s in steps.items()},
        "times": drawn | taught,
    }


def show(results: dict[str, Any], load: Load) -> None:
    print(f"Sampling: {load.samples} samples, {load.steps} steps. Training: a step of {load.batch} sequences.")
    for name, found in results.items():
        print(f"\n{name}")
        for who, value in found["seconds"].items():
            rate = found["samples a second"].get(who)
            rated = "" if rate is None else f"{rate:12,.0f} samples a second"
            print(f"  {who:30s}{common.seconds(value):>10s}{found['ratio'][who]:8.2f} x{rated}")


def main() -> None:
    options = common.options(__doc__, 5, "NAME-OF-THE-CARD", "at most two minutes on a GPU")
    device = best_device()
    load, repeats = (QUICK, 1) if options.quick else (FULL, options.repeats)
    began = common.machine() | {"card": card(device), "device": device.type}
    print(f"{began['card']}, PyTorch {torch.__version__}")
    results = {name: measure(name, device, load, repeats) for name in MODELS}
    show(results, load)
    file = re.sub(r"[^a-z0-9]+", "-", str(began["card"]).lower()).strip("-")
    print(f"\n{common.write(file, began, {'load': vars(load), 'models': results}, options.out)}")


if __name__ == "__main__":
    main()
