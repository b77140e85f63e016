"""The folder that `dguide sample` fills with shards of samples, and goes on with after any death."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..data import CODECS, Codec, Written
from ..errors import bad
from ..files import expanded, replacing
from ..progress import Course
from ..study import Executor, Store, Study, digest_of
from ..study import run as run_study
from .job import Drawn, Job
from .models import Model
from .output import check_directory, image_size, need_images, picture_wanted, write_images
from .sample_files import write_beside

__all__ = ["SampleFolder", "is_folder"]

_FILE = re.compile(r"\.[A-Za-z]\w*")
"""A suffix of files; that of `run-0.5` is none."""
_MARK = "samples.json"
"""The file in a folder of images that says which samples they are of."""
_BESIDE = "samples"
"""The picture or the lines in the folder, without suffix."""


def is_folder(out: str) -> bool:
    """Whether samples go to a folder or an address: one that exists, or a name without the suffix of a file."""
    path = expanded(Path(out))
    named = path.suffix != ".npz" and ("://" in out or path.is_dir())
    return out.endswith("/") or named or not (path.exists() or _FILE.fullmatch(path.suffix))


@dataclass(frozen=True)
class SampleFolder:
    """Where the shards of one call go, perhaps `samples.png` or `samples.txt` beside them, and a folder of images."""

    store: Store
    beside: tuple[str, ...]
    images: Path | None

    @classmethod
    def checked(cls, out: str, codec: Codec, count: int, png: bool | None, images: Path | None) -> SampleFolder:
        """Checks that it can be written. Raises `InputError` if not."""
        store, picture = Store(out), picture_wanted(png, codec)
        if images is not None:
            need_images("--images", codec)
            check_directory("--images", images, count * image_size(codec))
        if store.folder is None:
            if png:
                raise bad("--png", f"with the address {out}", "a folder on this machine", "Leave it out.")
            return cls(store, (), images)
        check_directory("--out", store.folder, 4 * count * (codec.length + 2) + 1_000_000)
        beside = (*([".png"] if picture else []), *([".txt"] if isinstance(codec, Written) else []))
        return cls(store, beside, images)

    @property
    def paths(self) -> list[str | Path]:
        """The folder or address, what is beside the shards, and the folder of images."""
        folder = self.store.folder
        beside = [] if folder is None else [folder / f"{_BESIDE}{each}" for each in self.beside]
        return [self.store.url, *beside, *([] if self.images is None else [self.images])]

    def draw(self, study: Study, executor: Executor, settings: dict[str, object], model: Model) -> tuple[Drawn, float]:
        """Draws what is missing. Gives all samples, and the seconds of drawing of all workers together."""
        if self.images is not None:
            study.check()  # before the folder is made
            _claim(self.images, study, model)
        about = {"settings": settings, "shards": [task.key for task in study.tasks()]}
        with Course() as course:
            results = run_study(study, self.store, executor, _shown(course), about)
        (drawn,) = results.values()
        return Drawn(drawn.tokens, drawn.forced, drawn.calls), drawn.seconds

    def write(self, job: Job, drawn: Drawn, settings: dict[str, object]) -> None:
        """Writes the picture or the lines of text, and the images that are not there yet."""
        if self.store.folder is not None:
            write_beside(self.store.folder / _BESIDE, self.beside, job, drawn, settings)
        if self.images is not None:
            model = job.model
            write_images(self.images, model.codec, model.conditions[0], job.labels, drawn.tokens, job.first_index)


def _claim(images: Path, study: Study, model: Model) -> None:
    """Marks the folder as that of the images of a study; raises `InputError` if it has others, or other files."""
    codec = {name: each for name, each in CODECS.describe(model.codec).items() if name != "folder"}
    mark = {"study": digest_of([study.digest, codec, list(model.conditions[0].class_names)])}
    path, expected = images / _MARK, "a new or an empty folder, or that of the same call, which then goes on"
    if path.is_file():
        if path.read_text(encoding="utf-8") != json.dumps(mark):
            raise bad("--images", f"{images}, which has the images of another call", expected, "Choose another folder.")
        return
    if images.is_dir() and any(images.iterdir()):
        raise bad("--images", f"{images}, which has files in it", expected)
    images.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(mark), encoding="utf-8")


def _shown(course: Course) -> Callable[[int, int], None]:
    """Shows the share of the shards that are there. Those that were there at first say nothing about the speed."""
    begun: list[int] = []

    def show(done: int, count: int) -> None:
        if not begun:
            begun.append(done)
            course.start(done / count)
        course.show(done / count, f"{done:,} of {count:,} shards")

    return show
