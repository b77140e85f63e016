"""The folder that `dguide sample` fills with shards of samples, and goes on with after any death."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..data import Codec, Written
from ..errors import bad
from ..files import expanded
from ..progress import Course
from ..study import Executor, Store, Study
from ..study import run as run_study
from .job import Drawn, Job
from .output import check_directory, picture_wanted
from .sample_files import write_beside

__all__ = ["SampleFolder", "is_folder"]

_FILE = re.compile(r"\.[A-Za-z]\w*")
"""A suffix of files; that of `run-0.5` is none."""
_BESIDE = "samples"
"""The picture or the lines in the folder, without suffix."""


def is_folder(out: str) -> bool:
    """Whether samples go to a folder or an address: one that exists, or a name without the suffix of a file."""
    path = expanded(Path(out))
    named = path.suffix != ".npz" and ("://" in out or path.is_dir())
    return out.endswith("/") or named or not (path.exists() or _FILE.fullmatch(path.suffix))


@dataclass(frozen=True)
class SampleFolder:
    """Where the shards of one call go, and perhaps `samples.png` or `samples.txt` beside them."""

    store: Store
    beside: tuple[str, ...]

    @classmethod
    def checked(cls, out: str, codec: Codec, count: int, png: bool | None, images: Path | None) -> SampleFolder:
        """Checks that it can be written. Raises `InputError` if not."""
        if images is not None:
            remedy = "A file of the first samples has the same ones: --count 100 --out FILE.npz"
            raise bad("--images", f"{images} with the folder {out}", "a file for the samples", remedy)
        store, picture = Store(out), picture_wanted(png, codec)
        if store.folder is None:
            if png:
                raise bad("--png", f"with the address {out}", "a folder on this machine", "Leave it out.")
            return cls(store, ())
        check_directory("--out", store.folder, 4 * count * (codec.length + 2) + 1_000_000)
        return cls(store, (*([".png"] if picture else []), *([".txt"] if isinstance(codec, Written) else [])))

    @property
    def paths(self) -> list[str | Path]:
        """The folder or address, and what is beside the shards."""
        folder = self.store.folder
        return [self.store.url, *([] if folder is None else [folder / f"{_BESIDE}{each}" for each in self.beside])]

    def draw(self, study: Study, executor: Executor, settings: dict[str, object]) -> tuple[Drawn, float]:
        """Draws what is missing. Gives all samples, and the seconds of drawing of all workers together."""
        about = {"settings": settings, "shards": [task.key for task in study.tasks()]}
        with Course() as course:
            results = run_study(study, self.store, executor, _shown(course), about)
        (drawn,) = results.values()
        return Drawn(drawn.tokens, drawn.forced, drawn.calls), drawn.seconds

    def write(self, job: Job, drawn: Drawn, settings: dict[str, object]) -> None:
        """Writes the picture or the lines of text."""
        if self.store.folder is not None:
            write_beside(self.store.folder / _BESIDE, self.beside, job, drawn, settings)


def _shown(course: Course) -> Callable[[int, int], None]:
    """Shows the share of the shards that are there. Those that were there at first say nothing about the speed."""
    begun: list[int] = []

    def show(done: int, count: int) -> None:
        if not begun:
            begun.append(done)
            course.start(done / count)
        course.show(done / count, f"{done:,} of {count:,} shards")

    return show
