"""What a step costs outside the network as the vocabulary grows, with masks and with uniform noise, on a log-log plot.

The network is a stub that returns ready logits. dguide is timed over whole runs, checks included, divided by their
steps. Of a plain loop the middle step is timed. All points take turns, and the least time of each counts: another
program on the machine can only add to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

import dguide

from . import common, speed, uniform_baselines
from .baselines import Stage
from .common import Shape, Stub
from .scaling import LOOK, PLAIN, exponent, save

BASE = Shape("vocabulary", batch=4, length=64, vocab=4096, mask=4096, steps=32)
VOCABS = (64, 256, 1024, 4096, 16_384, 65_536)
STYLES = {
    "masked, dguide": ("masked: dguide, Normalized", "#1f5fa8", "o", "-"),
    "masked, plain": ("masked: softmax + multinomial", "#1f5fa8", "o", ":"),
    "uniform, Normalized": ("uniform: dguide, Normalized", "#b5532a", "^", "-"),
    "uniform, Unlocking": ("uniform: dguide, Unlocking", "#2a9d6f", "s", "-"),
    "uniform, plain": ("uniform: plug-in posterior + multinomial", "#b5532a", "^", ":"),
}
PICTURE = common.ROOT / "docs" / "images" / "vocabulary.svg"


def works(shape: Shape) -> dict[str, tuple[Callable[[], object], int]]:
    """What takes turns at one size, and how many steps each of it is."""
    stub, masked = Stub(shape), replace(shape, mask=shape.vocab - 1)
    sampler, labels = dguide.Ancestral(shape.steps), torch.zeros(shape.batch, dtype=torch.int64)

    def uniform(guidance: dguide.Guidance) -> Callable[[], object]:
        process = dguide.Uniform(shape.vocab)
        return lambda: dguide.sample(
            stub, process=process, length=shape.length, condition=labels, guidance=guidance, sampler=sampler
        )

    cond, ref = stub.logits.chunk(2)
    tokens, middle = torch.zeros(shape.batch, shape.length, dtype=torch.int64), Stage(shape.steps // 2, shape.steps)
    plug_in = partial(uniform_baselines.plug_in, tokens, middle, cond, ref, common.WEIGHT)
    return {
        "masked, dguide": (partial(common.sampled, stub, masked, sampler), shape.steps),
        "masked, plain": (speed.baseline_steps(PLAIN, stub, masked)[1], 1),
        "uniform, Normalized": (uniform(dguide.Normalized(common.WEIGHT)), shape.steps),
        "uniform, Unlocking": (uniform(dguide.Unlocking(common.WEIGHT)), shape.steps),
        "uniform, plain": (plug_in, 1),
    }


def measure(vocabs: tuple[int, ...], base: Shape, repeats: int) -> dict[str, list[float]]:
    """Seconds of a step of each at each size of the vocabulary, the least."""
    asked = {
        f"{who}|{vocab}": work
        for vocab in vocabs
        for who, work in works(replace(base, vocab=vocab, mask=vocab)).items()
    }
    times = common.interleaved({name: work for name, (work, _) in asked.items()}, repeats)
    return {who: [min(times[f"{who}|{v}"]) / asked[f"{who}|{v}"][1] for v in vocabs] for who in STYLES}


def draw(results: dict[str, Any], path: Path) -> None:
    """Seconds of a step against V, log-log."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    values = results["values"]
    with pyplot.rc_context(LOOK):
        figure, axis = pyplot.subplots(figsize=(7.2, 4.6), layout="constrained")
        for who, (label, colour, mark, line) in STYLES.items():
            axis.plot(values, results["seconds"][who], line, color=colour, marker=mark, markersize=5, linewidth=1.6,
                      label=label)  # fmt: skip
        axis.set(xscale="log", yscale="log", xlabel="vocabulary V", ylabel="seconds of a step")
        axis.set_xticks(values, [f"{value:,}" for value in values])
        axis.minorticks_off()
        axis.grid(True, which="major", color="0.9", linewidth=0.7)
        axis.set_axisbelow(True)
        figure.legend(loc="outside upper center", ncols=2, frameon=False)
        save(figure, path)
        pyplot.close(figure)


def main() -> None:
    options = common.options(__doc__, 5, "vocabulary", "half a minute")
    began = common.machine()
    vocabs, base = (VOCABS[:4], common.quick(BASE)) if options.quick else (VOCABS, BASE)
    seconds = measure(vocabs, base, options.repeats)
    sizes = {"batch": base.batch, "length": base.length, "steps": base.steps}
    slopes = {who: exponent(list(vocabs), column) for who, column in seconds.items()}
    results = {**sizes, "values": list(vocabs), "seconds": seconds, "exponents": slopes}
    for who, column in seconds.items():
        print(f"  {who:24s}exponent {slopes[who]:5.2f}   {', '.join(common.seconds(value) for value in column)}")
    picture = options.out / PICTURE.name if options.out != common.RESULTS else PICTURE
    draw(results, picture)
    print(f"\n{common.write('vocabulary', began, results, options.out)}\n{picture}")


if __name__ == "__main__":
    main()
