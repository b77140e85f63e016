"""Long commands that are killed, started twice or run out of disk: does the same command end with the same files?

Each command runs once undisturbed. Then it runs in another folder, and SIGKILL ends its process group at a random
moment, ten times: once in each tenth of the processor time that it took undisturbed, so that other work on the machine
does not matter. In a third folder it is killed as each of its phases begins. Each time the same command goes on in that
folder. What it has written in the end is compared with the undisturbed run. Its workers are sessions of their own,
which the signal does not reach; they must end by themselves.

Two callers start the same command in one new folder at one moment. And each command is run on a disk that is too small
for it, which then grows. This part mounts a tmpfs, for which it must be root.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from studies.common import ROOT, Study, table, write
from studies.machine import MARK, ROOM, alive, disk, left_behind, seconds_of
from studies.same_files import LEFT_OUT, differing, files

__all__ = ["KILLS", "STUDY"]

KILLS = 10
SPACE = 0.5
"""Share of the space that a command needs, on the disk that is too small."""
_OUT = "out"
_TEXTS = "csv:{},text=text,label=label"
_WAFERS = "wafer:count=450,size=8"
_TRAIN = {"steps": 30, "size": "tiny", "batch_size": 16, "evaluate_every": 5, "evaluate_passes": 1, "device": "cpu"}
_SETTINGS = ",".join(f"{name}={value}" for name, value in _TRAIN.items())
_DRAWN = "--sampler ancestral:steps=4"
_COMPARED = "--steps 4 --batch-size 32 --repetitions 20 --out out"


@dataclass(frozen=True)
class Command:
    """A command in small, with all its phases.

    Attributes:
        name: for people.
        words: after `dguide`.
        jobs: for the option of this name; 0 for a command that has none.
        phases: each with a pattern of files that are there once it has begun.
    """

    name: str
    words: str
    jobs: int
    phases: tuple[tuple[str, str], ...]

    def start(self, folder: Path, mark: str = "") -> subprocess.Popen[bytes]:
        """Starts it in a folder, in a process group of its own."""
        words = [sys.executable, "-m", "dguide", *self.words.split()]
        words += ["--jobs", str(self.jobs)] if self.jobs else []
        paths = os.pathsep.join((str(ROOT / "src"), os.environ.get("PYTHONPATH", "")))
        env = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", MARK: mark}
        with (folder / "said").open("ab") as said:
            return subprocess.Popen(words, cwd=folder, env=env, stdout=said, stderr=said, start_new_session=True)

    def finish(self, folder: Path) -> None:
        """Runs it to its end. Raises `SystemExit` if it fails."""
        if self.start(folder).wait():
            raise SystemExit(f"{self.name}: {_last_line(folder)}")

    def phase(self, folder: Path) -> str:
        """The phase that has begun last."""
        begun = [name for name, pattern in self.phases if any((folder / _OUT).glob(pattern))]
        return begun[-1] if begun else "before"


_SAMPLES = "**/*[0-9a-f].safetensors"
COMMANDS = (
    Command(
        "dguide compare",
        f"compare model --weight 0 --weight 1 --weight ramp-up:2 --seeds 0,1 --count 64 {_COMPARED}",
        2,
        (("drawing", f"samples/{_SAMPLES}"), ("report", "compare.html")),
    ),
    Command(
        "dguide compare --tune",
        f"compare model --tune 1-gram --budget 5 --weight 1..3 --weight ramp-up:1 --count 160 {_COMPARED}",
        1,
        (("search", f"search/{_SAMPLES}"), ("fresh seeds", f"fresh/{_SAMPLES}"), ("report", "tuning.md")),
    ),
    Command(
        "dguide pilot DATA",
        f"pilot {_TEXTS.format('../../texts.csv')} --train {_SETTINGS} --weight 1 --weight ramp-up:1 {_DRAWN} "
        "--count 64 --out out",
        2,
        (("training", "model/*"), ("drawing", "results/draw/**/*.safetensors"), ("report", "compare.csv")),
    ),
    Command(
        "dguide pilot augment",
        f"pilot augment {_WAFERS} --rare Donut --real 10 --runs 3 --added 20 --train {_SETTINGS} --weight ramp-up:1 "
        f"{_DRAWN} --way whole --way filled --classifier scikit-learn:naive_bayes.GaussianNB --prices "
        "miss=200,false_alarm=2,volume=500000,share=0.01 --out out",
        2,
        (
            ("training", "model/**/*"),
            ("drawing", "results/draw/**/*.safetensors"),
            ("classifiers", "results/scores/**/*.safetensors"),
            ("report", "arms.csv"),
        ),
    ),
)


@dataclass(frozen=True)
class Trial:
    """One command that is tried.

    Attributes:
        command: the command.
        model: the checkpoint for commands that need one.
        base: a folder for all that is written.
    """

    command: Command
    model: Path
    base: Path

    @property
    def kept(self) -> Path:
        """What the command writes undisturbed."""
        return self.base / "kept"

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new folder with the model, always under one path, which reports name."""
        folder = self.base / "work"
        folder.mkdir()
        (folder / "model").symlink_to(self.model)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def undisturbed(self) -> float:
        """Runs it, keeps what it wrote, and gives the seconds of processors that it took, with its workers."""
        with self.folder() as folder:
            _, status, used = os.wait4(self.command.start(folder).pid, 0)
            if status:
                raise SystemExit(f"{self.command.name}: {_last_line(folder)}")
            shutil.move(folder / _OUT, self.kept)
            return used.ru_utime + used.ru_stime

    def killed(self, moments: Sequence[float | str]) -> list[dict[str, Any]]:
        """Kills it at each of the moments, one after the other in one folder, and lets it end at last.

        If it ends before its moment, what it wrote is compared, and the next moments are those of a new folder.
        """
        left, found = list(moments), list[dict[str, Any]]()
        while left:
            with self.folder() as folder:
                while left and self.kill(folder, left.pop(0), found):
                    pass
                self.command.finish(folder)
                found[-1]["differ"] = differing(folder / _OUT, self.kept)
        return found

    def kill(self, folder: Path, moment: float | str, found: list[dict[str, Any]]) -> bool:
        """Kills it once and waits for its workers; adds what happened to `found`. Whether it was killed."""
        mark = secrets.token_hex(8)
        child = self.command.start(folder, mark)
        while child.poll() is None and not self.reached(folder, moment, mark):
            time.sleep(0.02)
        workers = len(alive(mark)) - 1
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        killed = child.wait() == -signal.SIGKILL
        behind, seconds = left_behind(mark)
        about = {"phase": self.command.phase(folder) if killed else "after the end", "workers": max(workers, 0)}
        numbers = {
            "moment": moment if isinstance(moment, str) else round(moment, 2),
            "left behind": behind,
            "workers ended after": round(seconds, 2),
        }
        found.append(_told(self.command, about | numbers | {"half written": self.damaged(folder)}))
        return killed

    def reached(self, folder: Path, moment: float | str, mark: str) -> bool:
        """Whether a phase has begun, or so many seconds of processors have been used."""
        if isinstance(moment, str):
            return self.command.phase(folder) == moment
        return sum(map(seconds_of, alive(mark))) >= moment

    def damaged(self, folder: Path) -> list[str]:
        """The files that are there and differ from those in the end; checkpoints of a training that goes on do."""
        there = files(folder / _OUT)
        names = [name for name in there if (self.kept / name).is_file() and "model/" not in name]
        return differing(folder / _OUT, self.kept, names)

    def twice(self) -> dict[str, Any]:
        """Starts it twice in one folder at one moment."""
        with self.folder() as folder:
            ends = sorted(child.wait() for child in [self.command.start(folder), self.command.start(folder)])
            said = _last_line(folder) if any(ends) else ""
            return {"ends": ends, "said": said, "differ": differing(folder / _OUT, self.kept)}

    def full(self) -> dict[str, Any]:
        """Runs it on a disk that leaves it a share of the space that it needs, and again when the disk has grown."""
        needed = sum(path.stat().st_size for path in self.kept.rglob("*") if path.is_file())
        with self.folder() as folder, disk(folder / _OUT) as resize:
            child, out = self.command.start(folder), folder / _OUT
            while child.poll() is None and not any(
                out.iterdir()
            ):  # before it begins it asks for more room than it needs
                time.sleep(0.02)
            resize(int(SPACE * needed))
            end = child.wait()
            found = {
                "end": end,
                "said": _last_line(folder),
                "phase": self.command.phase(folder),
                "half written": self.damaged(folder),
                "temporary files left": [path.name for path in out.rglob("*.tmp")],
            }
            resize(ROOM)
            self.command.finish(folder)
            return _told(self.command, found | {"differ": differing(out, self.kept)})


def _last_line(folder: Path) -> str:
    lines = (folder / "said").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def compute() -> dict[str, Any]:
    found: dict[str, Any] = {"left out": LEFT_OUT}
    with tempfile.TemporaryDirectory(prefix="dguide-killed-") as scratch:
        model = Path(scratch) / "model"
        write(Path(scratch) / "texts.csv", _texts())
        options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in _TRAIN.items())
        words = f"train --out model --data {_TEXTS.format('texts.csv')} {options}"
        Command("dguide train", words, 0, ()).finish(Path(scratch))
        with ThreadPoolExecutor(len(COMMANDS)) as pool:
            tried = pool.map(partial(one, model), range(len(COMMANDS)))
            found["commands"] = {command.name: each for command, each in zip(COMMANDS, tried, strict=True)}
    return found


def _texts() -> str:
    """Strings of 8 letters in two classes, as a table."""
    source = random.Random(0)
    words = [("xy"[k % 2], "".join(source.choices(("bcd", "ab")[k % 2], k=8))) for k in range(600)]
    return "\n".join(["text,label", *(f"{text},{label}" for label, text in words)]) + "\n"


def one(model: Path, number: int) -> dict[str, Any]:
    """All that is tried with one of the commands."""
    command, base = COMMANDS[number], model.parent / str(number)
    base.mkdir()
    trial = Trial(command, model, base)
    source, seconds = random.Random(number), trial.undisturbed()
    moments = [(tenth + source.random()) / KILLS * seconds for tenth in range(KILLS)]
    kills = trial.killed(moments) + trial.killed([name for name, _ in command.phases])
    both = _told(command, trial.twice())
    disk = trial.full()
    return {
        "words": command.words,
        "jobs": command.jobs,
        "seconds": round(seconds, 1),
        "files": len(files(trial.kept)),
        "kills": kills,
        "two callers": both,
        "full disk": disk,
    }


def _told(command: Command, found: dict[str, Any]) -> dict[str, Any]:
    print(f"{command.name}: {found}", file=sys.stderr, flush=True)
    return found


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = []
    for name, each in results["commands"].items():
        kills = each["kills"]
        phases = Counter(kill["phase"] for kill in kills)
        rows.append(
            [
                f"`{name}`",
                str(each["jobs"]),
                ", ".join(f"{phase} {count}" for phase, count in phases.items()),
                str(sum(kill["left behind"] for kill in kills)),
                "both end" if each["two callers"]["ends"] == [0, 0] else "one is refused",
                "an error" if each["full disk"]["end"] else "it fits",
                str(each["files"]),
                _apart([*kills, each["two callers"], each["full disk"]]),
            ]
        )
    heads = (
        "command | :jobs | killed during | :workers left | two callers | full disk | :files | :differ or half written"
    )
    return {"killed": table(heads, rows)}


def _apart(tries: Sequence[dict[str, Any]]) -> str:
    return str(sum(len(each.get("differ", [])) + len(each.get("half written", [])) for each in tries))


STUDY = Study("killed", "several-machines.md", "an hour of two cores; root, since it mounts a disk", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
