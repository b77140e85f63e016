"""Studies that are ready to run, by name. Their prices are examples."""

from __future__ import annotations

from typing import Any

__all__ = ["READY"]

_PRICES = {
    "miss": 200.0, "false_alarm": 2.0, "volume": 500_000.0, "share": 0.01,
    "pilot": 20_000.0, "running": 10_000.0, "years": 3.0,
}  # fmt: skip

READY: dict[str, dict[str, Any]] = {
    "digits-quick": {
        "data": "digits", "rare": "8", "real": 20, "runs": 3, "weight": ["ramp-up:1"], "sampler": "ancestral:steps=16",
        "train": {"minutes": 2.0, "size": "small", "batch_size": 32, "shift": 1, "evaluate_passes": 2},
        "classifier": "small-network:10000",
        "false_alarms": 0.02, "prices": _PRICES, "example_prices": True,
    },
    "digits": {
        "data": "digits", "rare": "8", "real": 20, "runs": 5, "weight": ["1", "ramp-up:1", "ramp-up:3"],
        "train": {"minutes": 4.0, "size": "small", "batch_size": 32, "shift": 1}, "false_alarms": 0.02,
        "prices": _PRICES, "example_prices": True,
    },
    "wafers": {
        "data": "wafer:count=2700", "rare": "Donut", "real": 20, "runs": 5, "weight": ["1", "ramp-up:1", "ramp-up:3"],
        "train": {"minutes": 10.0, "size": "small"}, "false_alarms": 0.02,
        "ordinary": {"shift": 0.05, "rotation": 180.0, "flips": "both"}, "prices": _PRICES, "example_prices": True,
    },
    "elpv": {
        "data": "elpv", "rare": "2/3", "real": 20, "good": ["0", "1/3"], "by": "type", "runs": 5,
        "weight": ["1", "ramp-up:1", "ramp-up:3"], "train": {"minutes": 30.0, "size": "small"}, "false_alarms": 0.1,
        "ordinary": {"shift": 0.05, "rotation": 5.0, "flips": "both"}, "prices": _PRICES, "example_prices": True,
    },
}  # fmt: skip
"""Settings of `AugmentStudy`, by the name of a study."""
