"""Guidance inside the loops of other programs: guiders, schedulers, logits processors and hooks of models.

What derives from classes of diffusers is imported when it is first used, since that package takes seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .canvas import PairedCanvas
from .logits import guided_logits
from .pairs import paired_prompts
from .second_call import SecondCall

if TYPE_CHECKING:
    from .guider import DiscreteGuidance
    from .schedulers import (
        GuidedBlockRefinementScheduler,
        GuidedDiscreteDDIMScheduler,
        GuidedEntropyBoundScheduler,
    )
else:
    _LATER = {
        "DiscreteGuidance": "guider",
        "GuidedBlockRefinementScheduler": "schedulers",
        "GuidedDiscreteDDIMScheduler": "schedulers",
        "GuidedEntropyBoundScheduler": "schedulers",
    }

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return getattr(import_module(f".{_LATER[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "DiscreteGuidance",
    "GuidedBlockRefinementScheduler",
    "GuidedDiscreteDDIMScheduler",
    "GuidedEntropyBoundScheduler",
    "PairedCanvas",
    "SecondCall",
    "guided_logits",
    "paired_prompts",
]
