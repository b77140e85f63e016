"""How the cost of a run grows with L, V, B and the number of steps, on log-log plots with fitted exponents.

One size at a time is varied around a middle shape, with a network that costs nothing. dguide is timed over whole runs;
for comparison stands a plain sampler (softmax and `torch.multinomial` at all positions, the ancestral step), a middle
step of which is timed and multiplied by the number of steps. All points of a panel take turns, and the least time of
each counts: another program on the machine can only add to it. An exponent is the slope of the least-squares line
through the logarithms of the points in the upper half of the range, where fixed costs matter least.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import common, speed
from .common import Shape, Stub

BASE = Shape("middle", batch=4, length=128, vocab=4096, mask=4095, steps=32)
RANGES = {
    "length": (16, 32, 64, 128, 256, 512, 1024),
    "vocab": (64, 256, 1024, 4096, 16_384, 65_536),
    "batch": (1, 2, 4, 8, 16, 32),
    "steps": (4, 8, 16, 32, 64, 128, 256),
}
LABELS = {"length": "length L", "vocab": "vocabulary V", "batch": "batch B", "steps": "steps T"}
PLAIN = "multinomial"
STYLES = {
    "dguide ancestral": ("dguide, ancestral order", "#1f5fa8", "o"),
    "dguide low-confidence": ("dguide, low-confidence order", "#2a9d6f", "s"),
    PLAIN: ("softmax + multinomial, all positions", "#b5532a", "^"),
}
PICTURE = common.ROOT / "docs" / "images" / "scaling.svg"
LOOK = {"font.size": 10, "svg.hashsalt": "dguide", "axes.spines.top": False, "axes.spines.right": False}


def at(size: str, value: int, base: Shape) -> Shape:
    """The middle shape with one size changed."""
    shape = replace(base, **{size: value})
    return replace(shape, mask=shape.vocab - 1)


def measure(shapes: list[Shape], repeats: int) -> dict[str, list[float]]:
    """Seconds of a run of each sampler at each shape, the least."""
    works: dict[str, Any] = {}
    for i, shape in enumerate(shapes):
        stub = Stub(shape)
        orders = common.samplers(shape.steps)
        del orders["tau-leaping"]  # which reads and draws what the ancestral one does
        for order, sampler in orders.items():
            works[f"dguide {order}|{i}"] = partial(common.sampled, stub, shape, sampler)
        works[f"{PLAIN}|{i}"] = speed.baseline_steps(PLAIN, stub, shape)[1]
    least = {name: min(times) for name, times in common.interleaved(works, repeats).items()}
    people = list(dict.fromkeys(name.partition("|")[0] for name in works))
    found = {who: [least[f"{who}|{i}"] for i in range(len(shapes))] for who in people}
    found[PLAIN] = [value * shape.steps for value, shape in zip(found[PLAIN], shapes, strict=True)]
    return found


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of the least-squares line through the logarithms of the upper half of the points, at least three."""
    half = min(len(sizes) // 2, len(sizes) - 3)
    slope, _ = np.polyfit(np.log(sizes[half:]), np.log(seconds[half:]), 1)
    return float(slope)


def draw(results: dict[str, Any], path: Path) -> None:
    """One panel a size: seconds of a run, log-log, with the exponents in the labels."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(LOOK):
        figure, axes = pyplot.subplots(2, 2, figsize=(9.6, 7.4), sharey=True, layout="constrained")
        for axis, (size, found) in zip(axes.flat, results["sizes"].items(), strict=True):
            _panel(axis, size, found)
        for axis in axes[:, 0]:
            axis.set_ylabel("seconds of a run")
        handles = axes.flat[0].get_lines()
        figure.legend(handles, [STYLES[line.get_gid()][0] for line in handles], loc="outside upper center", ncols=3,
                      frameon=False)  # fmt: skip
        save(figure, path)
        pyplot.close(figure)


def save(figure: Any, path: Path) -> None:
    """Write a figure; readers see the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    figure.savefig(temporary, format=path.suffix.removeprefix("."), metadata={"Date": None}, dpi=110)
    temporary.replace(path)


def _panel(axis: Any, size: str, found: dict[str, Any]) -> None:
    axis.set(xscale="log", yscale="log", xlabel=LABELS[size])
    axis.set_xticks(found["values"], [f"{value:,}" for value in found["values"]])
    axis.minorticks_off()
    axis.grid(True, which="major", color="0.9", linewidth=0.7)
    axis.set_axisbelow(True)
    ends = []
    for who, seconds in found["seconds"].items():
        _, colour, mark = STYLES[who]
        axis.plot(found["values"], seconds, color=colour, marker=mark, markersize=5, linewidth=1.6, gid=who)
        ends.append((seconds[-1], colour, found["exponents"][who]))
    # Exponents stand at the right end of the lines, kept apart where lines end close to each other.
    last = 0.0
    for height, colour, slope in sorted(ends):
        last = max(height, 1.9 * last)
        text = f"{slope:.2f}".replace("-0.00", "0.00").replace("-", "\N{MINUS SIGN}")
        axis.annotate(text, (found["values"][-1], last), (9, 0),
                      textcoords="offset points", color=colour, va="center", fontweight="bold")  # fmt: skip


def main() -> None:
    options = common.options(__doc__, 5, "scaling", "minutes")
    began = common.machine()
    base = common.quick(BASE) if options.quick else BASE
    ranges = {size: values[:4] for size, values in RANGES.items()} if options.quick else RANGES
    results: dict[str, Any] = {"base": base.__dict__, "sizes": {}}
    for size, values in ranges.items():
        seconds = measure([at(size, value, base) for value in values], options.repeats)
        slopes = {who: exponent(list(values), column) for who, column in seconds.items()}
        results["sizes"][size] = {"values": list(values), "seconds": seconds, "exponents": slopes}
        print(f"\n{LABELS[size]}: {', '.join(f'{value:,}' for value in values)}")
        for who, column in seconds.items():
            print(f"  {who:24s}exponent {slopes[who]:5.2f}   {', '.join(common.seconds(value) for value in column)}")
    picture = options.out / PICTURE.name if options.out != common.RESULTS else PICTURE
    draw(results, picture)
    print(f"\n{common.write('scaling', began, results, options.out)}\n{picture}")


if __name__ == "__main__":
    main()
