"""Studies: settings and seeds over a model, drawn range by range, by anyone, and kept in files."""

from .cluster import Ray
from .draw import Draw
from .execute import execute
from .executors import Executor, Here, Processes
from .setting import Setting, grid
from .shards import Shards
from .source import CheckpointSource, DenoiserSource, Opened, Source
from .store import Saved, Store
from .study import Drawn, Results, Study, run
from .task import Task, TaskFailed, digest_of, key_of

__all__ = [
    "CheckpointSource",
    "DenoiserSource",
    "Draw",
    "Drawn",
    "Executor",
    "Here",
    "Opened",
    "Processes",
    "Ray",
    "Results",
    "Saved",
    "Setting",
    "Shards",
    "Source",
    "Store",
    "Study",
    "Task",
    "TaskFailed",
    "digest_of",
    "execute",
    "grid",
    "key_of",
    "run",
]
