"""Tasks on a Ray cluster, of this machine or of several."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, bad, number, require
from .attempt import Imports, Outcome, attempt, outcome_of, packed
from .task import Task, TaskFailed

__all__ = ["Ray"]

_RETRIES = 3
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Ray:
    """The nodes of a Ray cluster. A task whose worker or node dies is done again on another, at most three times.

    Results come back to this process, which writes them. So only this process needs the folder of results.

    Args:
        address: Of the head of a running cluster, as `ray.init` takes it: `auto` for that of this machine, or
            `HOST:PORT`. None starts Ray on this machine for as long as the work takes, for this machine only.
        gpus_per_task: GPUs that a task takes; parts of one are shared.

    Raises:
        ValueError: If `gpus_per_task` is no number of at least 0.
    """

    address: str | None = None
    gpus_per_task: float = 0.0

    def __post_init__(self) -> None:
        if not number("gpus_per_task", self.gpus_per_task) >= 0:
            raise bad("gpus_per_task", self.gpus_per_task, "a number of at least 0")

    def outcomes(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Outcome], None, None]:
        """As `Executor` says. Raises `ValueError` if there is no cluster there, or it has too few GPUs."""
        ray = require("ray", "ray")
        joined = self._connect(ray)
        remote = ray.remote(attempt).options(
            num_cpus=1, num_gpus=self.gpus_per_task, max_retries=_RETRIES, scheduling_strategy="SPREAD"
        )
        imports, running = Imports.here(), dict[Any, Task]()
        try:
            while True:
                while len(running) < self._room(ray) and (task := next(tasks, None)) is not None:
                    try:
                        running[remote.remote(packed(task), imports)] = task
                    except InputError as error:  # it cannot leave this process
                        yield task, error
                if not running:
                    return
                ready, _ = ray.wait(list(running), num_returns=1, timeout=10)  # nodes may join meanwhile
                for reference in ready:
                    yield running[reference], _outcome(ray, running[reference], reference)
                    del running[reference]
        finally:
            for reference in running:
                with contextlib.suppress(Exception):  # the cluster may be gone
                    ray.cancel(reference, force=True)
            if joined:
                ray.shutdown()

    def _connect(self, ray: Any) -> bool:
        """Connects to the cluster, unless this process has done so. Whether it did so now."""
        if ray.is_initialized():
            return False
        options: dict[str, Any] = {"address": self.address, "log_to_driver": False, "logging_level": "WARNING"}
        if self.address is None:
            options |= {"address": "local", "include_dashboard": False}
        here = self.address is None or self.address.partition(":")[0] in (_LOOPBACK, "localhost")
        try:
            with _by_loopback() if here else contextlib.nullcontext():
                ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            remedy = "Start one there: ray start --head"
            raise bad("--ray", f"{self.address}: {error}", "the address of a running cluster", remedy) from error
        return True

    def _room(self, ray: Any) -> int:
        """How many tasks the cluster can do at a time, by its nodes of now."""
        there = ray.cluster_resources()
        room = int(there.get("CPU", 0))
        if self.gpus_per_task:
            gpus = there.get("GPU", 0.0)
            if gpus < self.gpus_per_task:
                raise bad("--gpus-per-task", f"{self.gpus_per_task:g}", f"at most {gpus:g}, as the cluster has them")
            room = min(room, int(gpus / self.gpus_per_task))
        return max(room, 1)


@contextlib.contextmanager
def _by_loopback() -> Iterator[None]:
    """Ray uses 127.0.0.1 for what is started or joined here, as on a Mac, and does not listen to the network.

    On Linux it replaces this address, even one that is given, by that of the network. There is no public option.
    """
    constants: Any = require("ray._private.ray_constants", "ray")
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


def _outcome(ray: Any, task: Task, reference: Any) -> Outcome:
    try:
        return outcome_of(ray.get(reference))
    except ray.exceptions.RayError as error:
        first = str(error).partition("\n")[0]
        failed = TaskFailed(f"task {task.key} was lost {_RETRIES + 1} times by Ray: {type(error).__name__}: {first}")
        failed.__cause__ = error
        return failed
