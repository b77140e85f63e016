"""`dguide check-tokenizer`: what a tokenizer keeps of real test pictures, and whether their classes survive."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from ... import tokenizers
from ...data import pictures
from ...errors import require
from ...evaluate.reconstructions.check import check, matched
from ...files import replacing
from ...plots.reconstructions import worst_figure
from ...plots.style import save
from ..names import device_of
from ..output import check_directory, labels_of

__all__ = ["check_tokenizer"]


def check_tokenizer(
    tokenizer: Path = typer.Argument(..., metavar="DIRECTORY", help="Directory of a tokenizer of images."),
    data: str = typer.Option(
        ..., metavar="NAME", help="Data set, whose test pictures are encoded and decoded: images:FOLDER,size=128, ..."
    ),
    out: Path = typer.Option(
        Path("tokenizer-check"), metavar="DIRECTORY", help="Folder for the report and pictures; created if missing."
    ),
    limit: int | None = typer.Option(
        None, metavar="NUMBER", min=2, help="Number of test pictures, chosen at random. [default: all]"
    ),
    repetitions: int = typer.Option(
        200,
        metavar="NUMBER",
        min=0,
        help="Halves of the test pictures for intervals of means and distances; 0 for none.",
    ),
    seed: int = typer.Option(0, metavar="NUMBER", min=0, help="Seed of all random choices."),
    device: str = typer.Option("auto", metavar="NAME", help="auto (an accelerator if there is one), cpu, cuda, ..."),
) -> None:
    """Check what a tokenizer of images loses.

    Does a defect survive? Encodes and decodes the test pictures, and compares them with the originals. Standard
    classifiers learn the real training pictures and judge real and reconstructed test pictures, so that the page says
    which class is lost, by how much, and what to change. Writes report.md, report.json, and pictures of the worst
    reconstructions.
    """
    check_directory("--out", out)
    for module, extra in (("matplotlib", "cli"), ("scipy.stats", "exact"), ("sklearn.ensemble", "train")):
        require(module, extra)
    place = device_of(device)
    source = pictures(data, typed=True)
    loaded = tokenizers.load(tokenizer, place, (source.height, source.width))
    matched(loaded, source)
    began = time.perf_counter()
    report = check(loaded, source, limit=limit, repetitions=repetitions, seed=seed, device=place)
    seconds = time.perf_counter() - began
    made = " (synthetic)" if source.synthetic else ""
    size = f"{loaded.height} x {loaded.width} pixels, {loaded.length} tokens of {loaded.codes:,} codes"
    count = report["mean error"].count
    head = f"{count:,} test pictures of {source.name}{made} through {tokenizer}: {size}, {seconds:.1f} s."
    out.mkdir(parents=True, exist_ok=True)
    for worst in report.worst:
        path = out / f"worst-{worst.kind.replace(' ', '-')}.png"
        labels_of(report.names, path, worst.labels if report.names else ())
        title = f"{tokenizer.name}, {source.name}{made}"
        save(worst_figure(worst, report.names, title, square=worst.kind == "local error"), path)
    text = f"{head}\n\n{report.as_markdown()}"
    for suffix, content in (("md", text), ("json", report.as_json())):
        with replacing(out / f"report.{suffix}") as temporary:
            temporary.write_text(content, encoding="utf-8")
    print(text)
    print(out / "report.md")
