"""Options that say who does the work: this process, several, or a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
import typer

from ..errors import bad
from ..study import Executor, Here, Processes, Ray
from .names import device_of

__all__ = [
    "EVERY_CORE",
    "GPUS_PER_TASK",
    "JOBS",
    "LOCAL",
    "RAY",
    "device_of_workers",
    "executor_of",
    "usual_jobs",
    "with_values",
]

LOCAL = "local"
"""The value of --ray without a value."""

JOBS: Any = typer.Option(
    None,
    metavar="NUMBER",
    min=1,
    help="Processes that share the work, each with one thread. [default: this process alone]",
)
EVERY_CORE: Any = typer.Option(
    None,
    metavar="NUMBER",
    min=1,
    help="Processes that share the work, each with one thread. [default: one for each core; with an accelerator this "
    "process alone]",
)
"""As `JOBS`, for commands whose work is always a study; see `usual_jobs`."""
RAY: Any = typer.Option(
    None,
    metavar="[ADDRESS]",
    help="Share the work among the nodes of a Ray cluster: auto for the one that runs on this machine, or HOST:PORT. "
    "Without a value Ray is started here.",
)
GPUS_PER_TASK: Any = typer.Option(
    0.0, metavar="NUMBER", min=0, help="GPUs for each range of samples, with --ray only; 0.5 puts two on one GPU."
)


def with_values(arguments: Sequence[str]) -> list[str]:
    """A command line with a value for each --ray that has none: at its end, or before another option."""
    found: list[str] = []
    for word, after in zip(arguments, [*arguments[1:], "-"], strict=False):
        found += [word, LOCAL] if word == "--ray" and after.startswith("-") else [word]
    return found


def executor_of(jobs: int | None, ray: str | None, gpus_per_task: float, usual: int | None = None) -> Executor:
    """Who does the work; without an option `usual` jobs. Raises `ValueError` for options that exclude each other."""
    if jobs is not None and ray is not None:
        raise bad("--jobs", f"{jobs} and --ray {ray}", "one of the two")
    if gpus_per_task and ray is None:
        raise bad("--gpus-per-task", f"{gpus_per_task:g} without --ray", "both", "Ray shares out the GPUs.")
    if ray is not None:
        return Ray(None if ray == LOCAL else ray, gpus_per_task)
    jobs = usual if jobs is None else jobs
    return Here() if jobs in (None, 1) else Processes(jobs)


def device_of_workers(name: str, ray: str | None, gpus_per_task: float) -> str:
    """The device of those who draw; machines of a cluster may have another one than this machine.

    Raises `ValueError` if there is no device of that name, or it is to be on this machine and is not usable.
    """
    if ray is None:
        return str(device_of(name))
    if name == "auto":
        return "cuda" if gpus_per_task else "cpu"
    try:
        return str(torch.device(name))
    except RuntimeError as error:
        raise bad("device", repr(name), "auto, cpu, cuda, ...") from error


def usual_jobs(device: str) -> int | None:
    """The default of `EVERY_CORE`."""
    if torch.device(device).type != "cpu":
        return None
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
