"""The demonstration: a grid of guidance settings, with pictures and a table."""

from __future__ import annotations

from .grid import MECHANISMS, SCHEDULES, Cell, Outcome, cells, run_cell
from .judge import Judge, Quality
from .run import Report, demo
from .settings import DemoSettings, find_checkpoints

__all__ = [
    "MECHANISMS",
    "SCHEDULES",
    "Cell",
    "DemoSettings",
    "Judge",
    "Outcome",
    "Quality",
    "Report",
    "cells",
    "demo",
    "find_checkpoints",
    "run_cell",
]
