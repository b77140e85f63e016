"""What the shipped checkpoints are worth: held-out bits, samples judged, real and generated ones side by side.

With names of checkpoints it measures these; what is known of the others stays.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import dguide
from dguide import Normalized, RampUp, checkpoint
from dguide.checkpoint import Checkpoint
from dguide.data import Dataset, Strings, load
from dguide.evaluate import evaluate_samples, likelihood
from dguide.evaluate.evaluation import figure
from dguide.guidance import Guidance
from dguide.plots import images, style
from dguide.samplers import Sampler
from studies import sequence_pictures
from studies.common import ROOT, Study, commit, header, inside, parser, write

__all__ = ["STUDY"]

FOLDER, IMAGES = ROOT / "checkpoints", ROOT / "docs/images"
SEED, ROWS = 0, 5
IMAGES_DRAWN, MOLECULES_DRAWN, SEQUENCES_SHOWN = 500, 1000, 300
NONE, RAMP = "none", "ramp-up, mean 1"
GUIDANCE: dict[str, Guidance] = {
    NONE: Normalized(0.0),
    RAMP: Normalized(RampUp(2.0)),
    "ramp-up, mean 2": Normalized(RampUp(4.0)),
}
SAMPLERS: dict[str, Sampler] = {
    "`Ancestral(32)`": dguide.Ancestral(32),
    "`Ancestral(64)`": dguide.Ancestral(64),
    "`Ancestral(128)`": dguide.Ancestral(128),
    "`FirstHitting()`": dguide.FirstHitting(),
    "`Remasking(64)`": dguide.Remasking(64),
    "`LowEntropy(24)`": dguide.LowEntropy(24),
    "`TopMargin(24)`": dguide.TopMargin(24),
}
FOR_IMAGES = "`Ancestral(32)`"
BEST = {"masked": "`TopMargin(24)`", "uniform": "`Ancestral(32)`"}
FIGURES_OF_IMAGES = (
    "accuracy on the asked class",
    "Fréchet distance",
    "precision",
    "recall",
    "copies of training images",
)
FIGURES_OF_MOLECULES = ("valid", "unique of valid", "novel of unique", "Fréchet distance", "internal diversity")


def cases(loaded: Checkpoint, dataset: Dataset) -> Iterator[tuple[str, str, str, dict[str, Tensor]]]:
    """Sampler, guidance, what is asked in words, and the condition by name; none for sequences with a study each."""
    if sequences(dataset):
        return
    if dataset.shape is not None:
        condition = {dataset.conditions[0].name: torch.arange(IMAGES_DRAWN) % dataset.n_classes}
        for guidance in (NONE, RAMP):
            yield FOR_IMAGES, guidance, "every class in turn", condition
        return
    masked = loaded.config.process["name"] == "masked"
    untold = {each.name: each.not_given.expand(MOLECULES_DRAWN) for each in dataset.conditions}
    for sampler in SAMPLERS if masked else ("`Ancestral(32)`", "`Ancestral(64)`"):
        yield sampler, NONE, "nothing", untold
    for condition in dataset.conditions:
        for guidance in GUIDANCE if masked else (NONE, RAMP):  # the uniform process changes all tokens in every step
            told = untold | {condition.name: torch.ones(MOLECULES_DRAWN, dtype=torch.int64)}
            yield best(loaded), guidance, condition.class_names[1], told


def sequences(dataset: Dataset) -> bool:
    """Whether a study of its own judges the samples: of strings that are no molecules."""
    return isinstance(dataset.codec, Strings) and dataset.codec.split != "smiles"


def draw(
    loaded: Checkpoint, dataset: Dataset, sampler: str, guidance: str, condition: dict[str, Tensor]
) -> dguide.Samples:
    """Samples of a checkpoint, one for each condition."""
    return dguide.sample(
        loaded.model,
        process=loaded.process,
        length=dataset.length,
        condition=condition if len(condition) > 1 else condition[dataset.conditions[0].name],
        guidance=GUIDANCE[guidance],
        sampler=SAMPLERS[sampler],
        seed=SEED,
    )


def measure(name: str) -> dict[str, Any]:
    """All that is measured of a checkpoint."""
    loaded = checkpoint.load(FOLDER / name)
    dataset, runs = load(loaded.config.data), []
    real = dataset.test  # all of it, as `dguide train` and `dguide evaluate` take it
    told = dataset.condition(real)
    bits = likelihood(loaded.model, loaded.process, real.tokens, told)
    untold = likelihood(loaded.model, loaded.process, real.tokens, loaded.model.null(told))
    for sampler, guidance, asked, condition in cases(loaded, dataset):
        began = time.perf_counter()
        drawn = draw(loaded, dataset, sampler, guidance, condition)
        seconds = time.perf_counter() - began
        found = evaluate_samples(dataset, drawn.tokens, condition)
        calls = [drawn.calls.conditional, drawn.calls.reference]
        runs.append(
            {"sampler": sampler, "guidance": guidance, "asked": asked, "calls of a batch": calls, "seconds": seconds}
            | {"figures": [figure(each) for each in found.estimates]}
        )
        print(f"{name}: {sampler}, {guidance}, {asked}: {seconds:.0f} s", flush=True)
    return {"bits": asdict(bits), "unconditional bits": asdict(untold), "runs": runs}


def side_by_side(dataset: Dataset, shown: Tensor) -> Any:
    """Held-out images on the left, generated ones on the right, a class in each column."""
    classes = dataset.n_classes
    labels = dataset.test.labels
    real = torch.stack([dataset.test.tokens[labels == label][:ROWS] for label in range(classes)], 1)
    drawn = shown.view(ROWS, classes, -1)
    height, width = dataset.shape or (0, 0)
    figure = style.blank((1.1 * classes + 0.6, 0.55 * ROWS * height / width + 0.75))
    titles = ("synthetic, held out" if dataset.synthetic else "real, held out", "generated, asked for each class")
    for axes, tokens, title in zip(figure.subplots(1, 2), (real, drawn), titles, strict=True):
        axes.imshow(images.mosaic(images.ink(dataset.codec, tokens)).clip(0, 1), interpolation="nearest")
        pitch = width + 1
        long = max(map(len, dataset.class_names)) > 3
        places = [0.5 + pitch * (k + 0.5) - 0.5 for k in range(classes)]
        axes.set_xticks(places, dataset.class_names, rotation=35 if long else 0, ha="left" if long else "center")
        axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0, labelsize=9)
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.set_xlabel(title, fontsize=12)
    return figure


def molecules(dataset: Dataset, shown: Tensor, path: Path) -> None:
    """Held-out molecules above, generated valid ones below, with their QED."""
    from rdkit import Chem
    from rdkit.Chem import QED, Draw
    from rdkit.Chem.Draw import rdMolDraw2D

    from dguide.data.sets.molecules import parse

    decode: Callable[[Tensor], list[str]] = dataset.codec.decode  # type: ignore[attr-defined]
    rows = []
    for tokens in (dataset.test.tokens[:: len(dataset.test) // 40], shown):
        found = [m for m in parse(decode(tokens)) if m is not None and m.GetNumAtoms() > 3]
        rows.append(found[:14])
    options = rdMolDraw2D.MolDrawOptions()
    options.legendFontSize = 18
    options.bondLineWidth = 1
    pictures = [
        Draw.MolsToGridImage(
            [Chem.Mol(m) for m in row],
            molsPerRow=7,
            subImgSize=(170, 140),
            legends=[f"QED {QED.qed(m):.2f}" for m in row],
            drawOptions=options,
        )
        for row in rows
    ]
    figure = style.blank((11.0, 5.9))
    for axes, picture, title in zip(
        figure.subplots(2, 1), pictures, ("real, held out", "generated, valid ones, nothing asked"), strict=True
    ):
        axes.imshow(picture)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(title, fontsize=12)
        axes.spines[:].set_color("0.8")
    style.save(figure, path)


def picture(name: str) -> None:
    """Writes docs/images/data-NAME.png: what is asked for each class, and molecules of which nothing is asked."""
    loaded = checkpoint.load(FOLDER / name)
    dataset, path = load(loaded.config.data), IMAGES / f"data-{name}.png"
    if sequences(dataset):
        asked = {dataset.conditions[0].name: torch.arange(SEQUENCES_SHOWN) % dataset.n_classes}
        drawn = draw(loaded, dataset, FOR_IMAGES, RAMP, asked)
        style.save(sequence_pictures.picture(dataset, drawn.tokens, asked[dataset.conditions[0].name]), path)
    elif dataset.shape is None:
        untold = {each.name: each.not_given.expand(60) for each in dataset.conditions}
        molecules(dataset, draw(loaded, dataset, best(loaded), NONE, untold).tokens, path)
    else:
        asked = {dataset.conditions[0].name: torch.arange(ROWS * dataset.n_classes) % dataset.n_classes}
        style.save(side_by_side(dataset, draw(loaded, dataset, FOR_IMAGES, RAMP, asked).tokens), path)


def best(loaded: Checkpoint) -> str:
    """The sampler with which molecules are drawn that something is asked of, and those that are shown."""
    return BEST[str(loaded.config.process["name"])]


def cell(figures_of: dict[str, dict[str, Any]], name: str) -> str:
    """A figure with its interval, and what held-out data get."""
    if name not in figures_of or figures_of[name]["value"] is None or math.isnan(figures_of[name]["value"]):
        return ""
    found = figures_of[name]
    return inside(found["value"], found["low"], found["high"], ".3g")


def table(names: tuple[str, ...], runs: list[dict[str, Any]], first: str) -> list[str]:
    lines = [f"| {first} | " + " | ".join(names) + " | calls of a batch |", "|---|" + "---:|" * (len(names) + 1)]
    for run in runs:
        of = {each["name"]: each for each in run["figures"]}
        label = f"{run['sampler']}" if run["asked"] == "nothing" else f"{run['asked']}, {run['guidance']}"
        calls = " + ".join(str(c) for c in run["calls of a batch"])
        lines.append(f"| {label} | " + " | ".join(cell(of, name) for name in names) + f" | {calls} |")
    best = {each["name"]: each["best"] for each in runs[-1]["figures"]}
    real = [f"{best[name]:.3g}" if best.get(name) is not None and not math.isnan(best[name]) else "" for name in names]
    lines.append("| real held-out data | " + " | ".join(real) + " | |")
    return lines


def sections(results: dict[str, Any]) -> dict[str, str]:
    """The tables of the page, by the name of their marks: of all models, and of each model by its name."""
    lines = [
        "| checkpoint | data | process | parameters | MB | steps "
        "| held-out bits per token | not told the condition | of |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    found_of: dict[str, str] = {}
    for name, found in results["checkpoints"].items():
        loaded = checkpoint.load(FOLDER / name)
        size = sum(p.numel() for p in loaded.model.parameters())
        bytes_ = (FOLDER / name / "model.safetensors").stat().st_size
        bits = [
            f"{found[key]['bits']:.3f} ± {1.96 * found[key]['error']:.3f}" for key in ("bits", "unconditional bits")
        ]
        made = " (synthetic)" if loaded.config.synthetic else ""
        lines.append(
            f"| `{name}` | `{loaded.config.data}`{made} | {loaded.config.process['name']} | {size / 1e6:.2f} M | "
            f"{bytes_ / 1e6:.1f} | {loaded.config.steps:,} | {bits[0]} | {bits[1]} | {found['bits']['sequences']:,} |"
        )
        runs = found["runs"]
        if not runs:
            continue
        if runs[0]["asked"] != "nothing":
            drawn = f"asked, guidance; {drawn_of(runs)} by {runs[0]['sampler']}"
            found_of[name] = "\n".join(table(FIGURES_OF_IMAGES, runs, drawn))
        else:
            plain = [run for run in runs if run["asked"] == "nothing"]
            found_of[name] = "\n".join(table(FIGURES_OF_MOLECULES, plain, "sampler"))
            found_of[f"{name}, conditions"] = "\n".join(asked_table([run for run in runs if run["asked"] != "nothing"]))
    return {"models": "\n".join(lines), **found_of}


def drawn_of(runs: list[dict[str, Any]]) -> str:
    """How many samples a row is of."""
    return f"{runs[0]['figures'][0]['count']:,} samples"


def asked_table(runs: list[dict[str, Any]]) -> list[str]:
    """The runs that ask for a property, its name left out of the heads."""
    plain = []
    for run in runs:
        name = run["asked"].split()[0]
        renamed = [each | {"name": each["name"].replace(name, "property")} for each in run["figures"]]
        plain.append(run | {"figures": renamed})
    names = ("valid", "unique of valid", "property as asked", "property as asked, of valid", "property, mean")
    return table(names, plain, "asked, guidance")[:-1]


def names() -> list[str]:
    """All checkpoints."""
    return sorted(path.name for path in FOLDER.iterdir())


def compute() -> dict[str, Any]:
    return {"checkpoints": {name: measure(name) for name in names()}}


STUDY = Study("shipped", "checkpoints.md", "an hour of one core for all checkpoints", compute, sections)


def main() -> None:
    writes = "studies/results/shipped.json, docs/checkpoints.md and docs/images/data-*.png"
    command = parser(__doc__, writes, STUDY.takes)
    command.add_argument("names", nargs="*", help="checkpoints; all if none is given")
    command.add_argument("--draw", action="store_true", help="only the page and the pictures again, in minutes")
    options = command.parse_args()
    torch.set_num_threads(1)
    everything, stored = names(), STUDY.results
    results = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {"checkpoints": {}}
    began, source = time.process_time(), commit()
    for name in options.names or everything:
        picture(name)
        if options.draw:
            continue
        results["checkpoints"][name] = measure(name)
        about = header("python -m studies.shipped", source, time.process_time() - began)
        results = about | {
            "checkpoints": {k: results["checkpoints"][k] for k in everything if k in results["checkpoints"]}
        }
        write(stored, json.dumps(results, indent=1) + "\n")
    write(ROOT / "docs" / STUDY.page, STUDY.text())


if __name__ == "__main__":
    main()
