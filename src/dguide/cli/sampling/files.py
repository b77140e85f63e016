"""The files that `dguide sample` writes: an archive, lines of text, a picture and images."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ...data import Codec, Written
from ...errors import Mistakes
from ...files import expanded, replacing, write_npz
from ..output import (
    check_beside,
    check_file,
    check_new,
    image_size,
    labels_of,
    lines_of,
    need_images,
    picture_wanted,
    write_images,
)
from .job import Drawn, Job

__all__ = ["PICTURE", "SampleFiles", "images_of", "suffixes_of", "write_beside"]

PICTURE = 400
"""Largest number of samples in a picture."""
_LINES = 4096
"""Samples that are made text at once."""


@dataclass(frozen=True)
class SampleFiles:
    """Where the samples of one call go: FILE.npz, files beside it by their suffixes, and perhaps a folder of images."""

    out: Path
    beside: tuple[str, ...]
    images: Path | None

    @classmethod
    def of(
        cls, mistakes: Mistakes, out: str, codec: Codec | None, count: int, png: bool | None, images: Path | None
    ) -> SampleFiles | None:
        """The files, where all of them can be written. Mistakes are kept; without a codec those of the paths alone."""
        path = mistakes.of(lambda: _writable(expanded(Path(out)), codec, count))
        suffixes = suffixes_of(mistakes, codec, png)
        if path is not None:
            for suffix in suffixes:
                mistakes.of(partial(_check_beside, path, suffix))
        if images is not None:
            images_of(mistakes, images, codec, count, check_new)
        return None if path is None else cls(path, suffixes, images)

    @property
    def paths(self) -> list[Path]:
        """All files, and the folder of images."""
        beside = [self.out.with_suffix(suffix) for suffix in self.beside]
        return [self.out, *beside, *([] if self.images is None else [self.images])]

    def write(self, job: Job, drawn: Drawn, settings: dict[str, object]) -> None:
        """Writes the samples and the settings they were drawn with."""
        write_npz(self.out, _arrays(job, drawn, settings))
        write_beside(self.out.with_suffix(""), self.beside, job, drawn, settings)
        if self.images is not None:
            codec, first = job.model.codec, job.model.conditions[0]
            write_images(self.images, codec, first, job.labels, drawn.tokens, job.first_index)


def suffixes_of(mistakes: Mistakes, codec: Codec | None, png: bool | None) -> tuple[str, ...]:
    """The suffixes of what is written beside the samples: a picture, lines of text."""
    picture = codec is not None and mistakes.of(lambda: picture_wanted(png, codec))
    return (*([".png"] if picture else []), *([".txt"] if isinstance(codec, Written) else []))


def images_of(
    mistakes: Mistakes, images: Path, codec: Codec | None, count: int, check: Callable[[str, Path, int], None]
) -> Path | None:
    """The folder of images, if `check` finds nothing wrong with it."""

    def checked() -> Path:
        check("--images", images, 0 if codec is None else count * image_size(codec))
        return images

    if codec is not None:
        mistakes.of(lambda: need_images("--images", codec))
    return mistakes.of(checked)


def _writable(path: Path, codec: Codec | None, count: int) -> Path:
    check_file("--out", path, ".npz", 0 if codec is None else 8 * count * (codec.length + 2) + 1_000_000)
    return path


def _check_beside(path: Path, suffix: str) -> None:
    check_beside("--out", path, suffix)
    check_file("--out", path.with_suffix(suffix), suffix, 0)


def write_beside(stem: Path, suffixes: Sequence[str], job: Job, drawn: Drawn, settings: dict[str, object]) -> None:
    """Writes the samples as lines of text or as a picture: those of `.txt` and `.png` that are among the suffixes."""
    codec = job.model.codec
    if ".txt" in suffixes and isinstance(codec, Written):
        _write_lines(stem.with_name(f"{stem.name}.txt"), codec, drawn)
    if ".png" in suffixes:
        _write_picture(stem.with_name(f"{stem.name}.png"), job, drawn, _title(settings))


def _arrays(job: Job, drawn: Drawn, settings: dict[str, object]) -> dict[str, np.ndarray]:
    return {
        "tokens": drawn.tokens.numpy(),
        "labels": job.labels.numpy(),
        **{name: values.numpy() for name, values in list(job.conditions.items())[1:]},
        "calls": np.array([drawn.calls.conditional, drawn.calls.reference]),
        "forced": drawn.forced.numpy(),
        "settings": np.array(json.dumps(settings)),
    }


def _write_lines(path: Path, codec: Written, drawn: Drawn) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for some in drawn.tokens.split(_LINES):
            file.writelines(f"{line}\n" for line in lines_of(codec, some))


def _write_picture(path: Path, job: Job, drawn: Drawn, title: str) -> None:
    """Draws the first samples, one class a column if the classes repeat within a row."""
    from ...plots import style
    from ...plots.images import contact_sheet

    columns = min(len(job.labels), 10 if 10 % job.cycle == 0 or job.cycle > 20 else job.cycle)
    first, headings = job.model.conditions[0], [""] * columns
    if job.cycle <= 20:
        shown = job.labels[:columns].tolist()
        told = [label for label in shown if 0 <= label < first.n_classes]
        names = labels_of(first.class_names, path, told)
        headings = [names[label] if label in told else "" for label in shown]
    codec = job.model.codec
    sheet = contact_sheet(codec, drawn.tokens[:PICTURE].long(), columns, headings, title)
    style.save(sheet, path)


def _title(settings: dict[str, object]) -> str:
    """The guidance and, on a second line, the other settings that identify a picture."""
    forms = {
        "sampler": "{}",
        "temperature": "temperature {}",
        "top_k": "top-k {}",
        "top_p": "top-p {}",
        "dtype": "{}",
    }
    usual = {"temperature": 1, "dtype": "float32"}
    shown = [
        form.format(settings[name])
        for name, form in forms.items()
        if settings[name] is not None and settings[name] != usual.get(name)
    ]
    made = "synthetic data, " if settings["synthetic"] else ""
    return f"{made}{settings['guidance']}, {settings['weight']}\n{', '.join(shown)}"
