"""`dguide fill`: draws a region of an image anew for a class, such as a defect into the image of a good part."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray

from ... import __version__
from ... import checkpoint as checkpoints
from ...denoiser import in_turn
from ...errors import Mistakes, bad
from ...files import replacing
from ...filling import fill as drawn_anew
from ...filling import rectangle, region_of, size_of
from ...guidance import MECHANISMS, SCHEDULES
from ...nn import Inference
from ...random import check_seed
from ...samplers import SAMPLERS
from ..conditions_arg import read_conditions
from ..names import MODEL, OWN, WEIGHT, device_of, guidance_of, in_both_conventions, sampler_of
from ..output import check_new, file_names, write_png

__all__ = ["fill"]

_SETTINGS = "settings.json"
_SHOWN = 17
"""Most samples in overview.png."""
_BATCHES = 16
"""Batches that are drawn before their images are written."""


def fill(
    checkpoint: Path = typer.Argument(..., metavar="CHECKPOINT", help=MODEL),
    image: Path = typer.Argument(..., metavar="IMAGE", help="Image of 8 bits, as large as those of the model."),
    out: Path = typer.Option(
        ...,
        metavar="DIRECTORY",
        help="New or empty folder for INDEX-CLASS.png of each sample, and others.",
    ),
    region: str | None = typer.Option(
        None, metavar="X,Y,WIDTH,HEIGHT", help="Rectangle to draw anew, in pixels from the left and from the top."
    ),
    mask: Path | None = typer.Option(
        None, metavar="FILE", help="In place of --region: an image of the same size, white where to draw anew."
    ),
    class_: str | None = typer.Option(
        None, "--class", metavar="NAME,...|all", help="Classes of the first condition, by name or number, in turn."
    ),
    condition: list[str] = typer.Option(
        [], metavar="NAME=VALUE,...", help="Values of other conditions, repeatable, as in `dguide sample`."
    ),
    count: int = typer.Option(1, metavar="NUMBER", min=1, help="Number of samples."),
    guidance: str = typer.Option(
        "normalized", metavar="NAME", help=f"Mechanism: {', '.join(MECHANISMS.names())}, or {OWN}."
    ),
    weight: str | None = typer.Option(
        None, metavar="NUMBER|SCHEDULE", help=f"Guidance weight w, as in `dguide sample`. [default: {WEIGHT}]"
    ),
    sampler: str = typer.Option(
        "ancestral", metavar="NAME[:OPTION=VALUE,...]", help=f"Sampler: {', '.join(SAMPLERS.names())}, or {OWN}."
    ),
    steps: int | None = typer.Option(None, metavar="NUMBER", help="Option steps of the sampler. [default: 32]"),
    border: int | None = typer.Option(
        None,
        metavar="PIXELS",
        min=0,
        help="Pixels inside the region over which old and new are blended. [default: half the side of a token]",
    ),
    seed: int = typer.Option(0, metavar="NUMBER", help="Seed of the random numbers, 0 to 2^64 - 1."),
    batch_size: int = typer.Option(64, metavar="NUMBER", min=1, help="Samples in one pass through the network."),
    device: str = typer.Option("auto", metavar="NAME", help="auto (an accelerator if there is one), cpu, cuda, ..."),
) -> None:
    """Draw a region of an image anew for a class.

    Pixels outside the region are those of IMAGE, bit for bit. Tokens of the model that touch the region are drawn with
    guidance, given all others. mask.png is the region, white. overview.png shows IMAGE, with the region in red, and the
    first samples. settings.json repeats the call.
    """
    mistakes = Mistakes()
    where = mistakes.of(lambda: device_of(device))
    loaded = mistakes.of(lambda: checkpoints.load(checkpoint, where or "cpu"))
    mistakes.of(lambda: check_seed(seed))
    guide = mistakes.of(lambda: guidance_of(guidance, weight))
    size = None if loaded is None else mistakes.of(lambda: size_of(loaded.codec))
    if size is None:
        mistakes.settle()
    assert loaded is not None
    assert size is not None
    if class_ is None and not condition:
        first = loaded.conditions[0]
        names = ", ".join(first.class_names[:20]) or f"numbers; use --condition {first.name}=VALUE"
        mistakes.add(bad("--class", "none", f"what to draw in the region: one of {names}"))
    inside = mistakes.of(lambda: _inside(region, mask, size))
    mistakes.of(lambda: check_new("--out", out, count * (3 * size[0] * size[1] + 4096)))
    wanted = mistakes.of(lambda: read_conditions(loaded.conditions, class_, condition))
    how = mistakes.of(lambda: sampler_of(sampler, steps, None, loaded.codec.shape))
    mistakes.settle()
    assert inside is not None
    assert wanted is not None
    assert guide is not None
    assert how is not None
    told = {name: in_turn(each, 0, count) for name, each in wanted.items()}
    network, calls = Inference(loaded.model), 0
    shown: list[NDArray[np.uint8]] = []
    files = file_names(loaded.conditions[0], next(iter(told.values())))
    for start in range(0, count, shard := batch_size * _BATCHES):
        some = {name: each[start : start + shard] for name, each in told.items()}
        made = drawn_anew(
            loaded,
            image,
            inside,
            condition=some if isinstance(loaded.model.n_classes, dict) else next(iter(some.values())),
            guidance=guide,
            sampler=how,
            border=border,
            seed=seed,
            first_index=start,
            batch_size=batch_size,
            denoiser=network,
            progress=sys.stderr.isatty(),
        )
        out.mkdir(parents=True, exist_ok=True)
        for name, each in zip(files[start : start + shard], made.images, strict=True):
            write_png(out / name, each)
        shown += [*made.images[: _SHOWN - len(shown)].copy()]
        calls = max(calls, made.calls.conditional)
    settings: dict[str, Any] = {
        "version": __version__,
        "checkpoint": str(checkpoint),
        "data": loaded.config.data,
        "synthetic": loaded.config.synthetic,
        "image": str(image),
        "region": region,
        "mask": None if mask is None else str(mask),
        "conditions": {name: each.tolist() for name, each in told.items()},
        "guidance": MECHANISMS.write(guide, without=("weight",)),
        "weight": SCHEDULES.write(guide.weight),  # type: ignore[arg-type]  # it was read from text
        "sampler": SAMPLERS.write(how),
        "border": border,
        "seed": seed,
        "tokens drawn": int(made.drawn.sum()),
    }
    write_png(out / "mask.png", np.where(inside, np.uint8(255), np.uint8(0)))
    write_png(out / "overview.png", _overview(made.original, inside, shown))
    with replacing(out / _SETTINGS) as temporary:
        temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    share = f"{int(made.drawn.sum())} of {len(made.drawn)} tokens drawn for {int(inside.sum())} pixels"
    print(f"{count} image{'s' * (count > 1)}: {share}, {calls} conditional calls a batch")
    print(in_both_conventions(guide))
    print(out)


def _inside(region: str | None, mask: Path | None, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where to draw, as one of the two options says."""
    if (region is None) == (mask is None):
        got = "neither" if region is None else "both"
        raise bad("--region and --mask", got, "one of the two, to say where to draw")
    return region_of(mask, size) if region is None else rectangle(_four(region), size)


def _four(text: str) -> tuple[int, int, int, int]:
    """Four whole numbers from `x,y,width,height`."""
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text)
    if match is None:
        raise bad("--region", repr(text), "four whole numbers x,y,width,height, as in 40,32,24,16")
    x, y, width, height = (int(each) for each in match.groups())
    return x, y, width, height


def _overview(
    image: NDArray[np.uint8], inside: NDArray[np.bool_], images: list[NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """The image with the edge of the region in red, and then the first samples, side by side."""
    from ...plots.images import mosaic

    tiles = np.stack([each if each.ndim == 3 else np.repeat(each[..., None], 3, -1) for each in (image, *images)])
    scale = max(1, 160 // inside.shape[0])
    tiles, region = (np.repeat(np.repeat(each, scale, -3 + k), scale, -2 + k) for each, k in ((tiles, 0), (inside, 1)))
    padded = np.pad(region, 1)
    within = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    tiles[0][region & ~within] = (220, 50, 32)
    columns = min(len(tiles), 6)
    tiles = np.pad(tiles, ((0, -len(tiles) % columns), (0, 0), (0, 0), (0, 0)), constant_values=255)
    joined = mosaic(tiles.reshape(-1, columns, *tiles.shape[1:]) / 255, gap=4)
    return (255 * joined).round().astype(np.uint8)
