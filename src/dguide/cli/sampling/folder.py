"""The folder that `dguide sample` fills with shards of samples, and goes on with after any death."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...data import CODECS, Codec
from ...errors import Mistakes, bad
from ...files import expanded, replacing
from ...progress import Course
from ...study import Executor, Store, Study, digest_of
from ...study import run as run_study
from ..models import Model
from ..output import check_directory, write_images
from .files import images_of, suffixes_of, write_beside
from .job import Drawn, Job

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
    def of(
        cls, mistakes: Mistakes, out: str, codec: Codec | None, count: int, png: bool | None, images: Path | None
    ) -> SampleFolder | None:
        """The folder, where it can be written. Mistakes are kept; without a codec those of the paths alone."""
        store = mistakes.of(lambda: _writable(out, codec, count))
        suffixes = suffixes_of(mistakes, codec, png)
        if images is not None:
            images = images_of(mistakes, images, codec, count, check_directory)
        if store is None:
            return None
        if store.folder is None and png:
            mistakes.add(bad("--png", f"with the address {out}", "a folder on this machine", "Leave it out."))
        return cls(store, suffixes if store.folder is not None else (), images)

    def check_free(self, mistakes: Mistakes, study: Study | None, model: Model | None) -> None:
        """Keeps what is wrong if the folders hold another thing; without a study, another thing than some study."""
        if study is None:
            mistakes.of(self.store.study)
        else:
            mistakes.of(lambda: self.store.check_claim(study.digest, study.words))
        if self.images is not None:
            mark = None if study is None or model is None else _mark(study, model)
            mistakes.of(partial(_check_images, self.images, mark))

    @property
    def paths(self) -> list[str | Path]:
        """The folder or address, what is beside the shards, and the folder of images."""
        folder = self.store.folder
        beside = [] if folder is None else [folder / f"{_BESIDE}{each}" for each in self.beside]
        return [self.store.url, *beside, *([] if self.images is None else [self.images])]

    def draw(self, study: Study, executor: Executor, settings: dict[str, object], model: Model) -> tuple[Drawn, float]:
        """Draws what is missing. Gives all samples, and the seconds of drawing of all workers together."""
        if self.images is not None:
            _claim(self.images, _mark(study, model))
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


def _writable(out: str, codec: Codec | None, count: int) -> Store:
    store = Store(out)
    if store.folder is not None:
        check_directory("--out", store.folder, 0 if codec is None else 4 * count * (codec.length + 2) + 1_000_000)
    return store


def _mark(study: Study, model: Model) -> str:
    """What a folder of images says that it is of."""
    codec = {name: each for name, each in CODECS.describe(model.codec).items() if name != "folder"}
    return json.dumps({"study": digest_of([study.digest, codec, list(model.conditions[0].class_names)])})


def _check_images(images: Path, mark: str | None) -> None:
    """Raises `InputError` if the folder has the images of another call, or other files; None is any call."""
    path, expected = images / _MARK, "a new or an empty folder, or that of the same call, which then goes on"
    if path.is_file():
        if mark is not None and path.read_text(encoding="utf-8") != mark:
            raise bad("--images", f"{images}, which has the images of another call", expected, "Choose another folder.")
    elif images.is_dir() and any(images.iterdir()):
        raise bad("--images", f"{images}, which has files in it", expected)


def _claim(images: Path, mark: str) -> None:
    """Marks a folder that `_check_images` found to be free."""
    images.mkdir(parents=True, exist_ok=True)
    if not (images / _MARK).is_file():
        with replacing(images / _MARK) as temporary:
            temporary.write_text(mark, encoding="utf-8")


def _shown(course: Course) -> Callable[[int, int], None]:
    """Shows the share of the shards that are there. Those that were there at first say nothing about the speed."""
    begun: list[int] = []

    def show(done: int, count: int) -> None:
        if not begun:
            begun.append(done)
            course.start(done / count)
        course.show(done / count, f"{done:,} of {count:,} shards")

    return show
