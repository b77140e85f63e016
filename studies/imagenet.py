"""The table of ImageNet: FID by the right end of the ramp and by the weight (arXiv 2507.08965), from published weights.

Each cell is `dguide sample maskgit:...`, then FID by torch-fidelity. After an interruption the same command goes on.
docs/maskgit.md says where the files come from. --random tries all of it with small random weights. It compares pixels,
not the features of Inception, and says so in all that it writes: such numbers mean nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from dguide.adapters.maskgit import MaskGIT, Sizes
from dguide.cli import main as dguide_command
from dguide.errors import Mistakes, bad, require
from dguide.evaluate import frechet_distance
from dguide.stored import digest
from dguide.tokenizers.vqgan import VQGAN
from dguide.tokenizers.vqgan import Sizes as AutoencoderSizes
from studies.common import parser, table, write
from studies.evidence.ramp_end import ENDS, KEPT, schedule

__all__ = ["run"]

WEIGHTS = (1.0, 2.0, 3.0, 4.0, 5.0)
FILES = {
    "transformer": "ImageNet_384_large.pth",
    "decoder": "vq_ds16_c2i.pt",
    "real": "the folder of real images",
    "inception": "weights-inception-2015-12-05-6726825d.pth of torch-fidelity",
}
RANDOM = "Random weights, and a distance of pixels: these numbers mean nothing."


def check(given: argparse.Namespace) -> None:
    """Refuses what cannot be done, all of it at once, before any work."""
    mistakes = Mistakes()
    for name, words in FILES.items():
        path: Path | None = getattr(given, name)
        if given.random and path is not None:
            mistakes.add(bad(f"--{name}", f"{path} beside --random", "one of the two", "Leave one of them out."))
        elif not given.random and (path is None or not path.exists()):
            got = "none" if path is None else f"{path}, which is not there"
            mistakes.add(bad(f"--{name}", got, words, "docs/maskgit.md says where it is; --random tries without."))
    if given.count < 2:
        mistakes.add(bad("--count", given.count, "at least 2, for a covariance"))
    mistakes.settle()


def random_files(folder: Path) -> dict[str, Path]:
    """A small transformer and autoencoder with random weights, in the published form, and random pictures as data."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = Sizes(codes=24, classes=7, shape=(4, 4), width=32, layers=2, heads=4, inner=256, registers=1)
        torch.save({"model_state_dict": MaskGIT(sizes).state_dict()}, folder / "transformer.pth")
        autoencoder = VQGAN(AutoencoderSizes(24, 8, 16, (32, 32, 64), 1, 3, True))
        used = {"quantize.codebook_used": torch.zeros(65536)}
        torch.save({"model": autoencoder.state_dict() | used, "steps": 0}, folder / "decoder.pt")
        pictures = torch.randint(256, (16, 16, 16, 3), dtype=torch.uint8).numpy()
    (folder / "real").mkdir(exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"real/{number}.png")
    return {"transformer": folder / "transformer.pth", "decoder": folder / "decoder.pt", "real": folder / "real"}


def pixels(folder: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The images of a folder as points, [N, H W C]."""
    return np.stack(
        [np.asarray(Image.open(path), dtype=np.float64).ravel() / 255 for path in sorted(folder.glob("*.png"))]
    )


def content(path: Path) -> str:
    """SHA-256 of a file; of a folder, whose images take hours to read, that of the names and sizes of its files."""
    if path.is_file():
        return digest(path)
    names = sorted((str(each.relative_to(path)), each.stat().st_size) for each in path.rglob("*") if each.is_file())
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def fid(images: Path, real: Path, inception: Path, kept: Path, contents: dict[str, str]) -> float:
    """FID by torch-fidelity. The features of the real images are computed once, and kept in a folder."""
    found = require("torch_fidelity", "inception").calculate_metrics(
        input1=str(images),
        input2=str(real),
        input2_cache_name=hashlib.sha256(f"{contents['real']} {contents['inception']}".encode()).hexdigest()[:16],
        cache_root=str(kept),
        fid=True,
        samples_find_deep=True,
        feature_extractor_weights_path=str(inception),
        cuda=torch.cuda.is_available(),
        verbose=False,
    )
    return float(found["frechet_inception_distance"])


def asked(given: argparse.Namespace, contents: dict[str, str], end: float, w: float) -> dict[str, Any]:
    """All that the distance of a cell depends on."""
    return {
        "random weights": given.random,
        **{f"SHA-256 of {name}": each for name, each in contents.items()},
        "count": given.count,
        "seed": given.seed,
        "guidance": given.guidance,
        "weight": str(schedule(given.kept, w, end)),
        "sampler": given.sampler,
        "steps": given.steps,
    }


def place(given: argparse.Namespace, end: float, w: float) -> Path:
    """The folder of a cell."""
    return Path(given.out / f"right-{end:g}-w-{w:g}{'-random' if given.random else ''}")


def kept(folder: Path, expected: dict[str, Any]) -> float | None:
    """The distance of a cell; None if it is not there. Raises `ValueError` if it is that of another one."""
    path = folder / "distance.json"
    if not path.exists():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    other = [name for name in expected if stored.get(name) != expected[name]]
    if other:
        got, wanted = (", ".join(f"{name} {each.get(name)}" for name in other) for each in (stored, expected))
        raise bad(f"cell of {path}", got, wanted, "Take another --out for other settings or files.")
    return float(stored["distance"])


def cell(given: argparse.Namespace, files: dict[str, Path], contents: dict[str, str], end: float, w: float) -> float:
    """The distance of one cell. It is kept, with all that it depends on."""
    folder, settings = place(given, end, w), asked(given, contents, end, w)
    if (found := kept(folder, settings)) is not None:
        return found
    heads = ",heads=4" if given.random else ""
    options = ("--count", "--seed", "--guidance", "--sampler", "--steps")
    status = dguide_command(
        [
            "sample",
            f"maskgit:{files['transformer']},decoder={files['decoder']}{heads}",
            *("--labels", "all", "--weight", settings["weight"], "--batch-size", "64", "--no-png"),
            *("--out", f"{folder / 'codes'}/", "--images", str(folder / "images")),
            *(text for name in options for text in (name, str(settings[name[2:]]))),
        ]
    )
    if status:
        raise SystemExit(status)
    images = folder / "images"
    there = sum(1 for _ in images.glob("*.png"))
    if there != given.count:
        raise bad(f"images in {images}", there, given.count, "Take another --out for fewer images than before.")
    if given.random:
        distance = frechet_distance(pixels(files["real"]), pixels(images))
    else:
        distance = fid(images, files["real"], files["inception"], given.out / "real-features", contents)
    write(folder / "distance.json", json.dumps(settings | {"distance": distance}) + "\n")
    return distance


def run(given: argparse.Namespace) -> Path:
    """Makes all cells and the table. Returns the path of the table, which grows with each cell."""
    check(given)
    files = random_files(given.out / "random-files") if given.random else {name: getattr(given, name) for name in FILES}
    contents, mistakes = {name: content(path) for name, path in files.items()}, Mistakes()
    for w, end in product(WEIGHTS, ENDS):  # cells of another run are noticed before one is made
        mistakes.of(partial(kept, place(given, end, w), asked(given, contents, end, w)))
    mistakes.settle()
    path = given.out / ("table-random.md" if given.random else "table.md")
    found: dict[float, list[str]] = {w: [] for w in WEIGHTS}
    for w in WEIGHTS:
        for end in ENDS:
            found[w].append(f"{cell(given, files, contents, end, w):.2f}")
            write(path, words(given, found))
    return path


def words(given: argparse.Namespace, found: dict[float, list[str]]) -> str:
    """The table, and how it was made."""
    figure = RANDOM if given.random else f"FID against {given.real}."
    kept = "The largest weight is w" if given.kept == "top" else "The mean weight is w"
    about = (
        f"{figure} {given.count:,} images a cell, seed {given.seed}, `{given.guidance}`, `{given.sampler}`, "
        f"{given.steps} steps. {kept}; no intervals."
    )
    rows = [[f"{w:g}", *cells, *[""] * (len(ENDS) - len(cells))] for w, cells in found.items()]
    return f"{about}\n\n{table(':w | ' + ' | '.join(f':r = {end:g}' for end in ENDS), rows)}\n"


def main() -> None:
    command = parser(__doc__, "OUT/table.md, and codes and images of each cell", "a day of a GPU; --random a minute")
    for name, text in FILES.items():
        command.add_argument(f"--{name}", type=Path, help=text)
    command.add_argument("--out", type=Path, default=Path("imagenet"), help="folder of all results")
    command.add_argument("--count", type=int, default=50_000, help="images a cell")
    command.add_argument("--seed", type=int, default=0, help="seed of all cells")
    command.add_argument("--guidance", default="normalized", help="mechanism")
    command.add_argument("--sampler", default="tau-leaping", help="sampler; the paper's code has tau-leaping")
    command.add_argument("--steps", type=int, default=50, help="steps")
    command.add_argument("--kept", choices=KEPT, default="top", help="what is w: the largest weight, or the mean")
    command.add_argument("--random", action="store_true", help="small random weights in place of all files")
    try:
        print(run(command.parse_args()))
    except ValueError as error:
        command.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
