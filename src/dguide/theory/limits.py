"""The limit of each mechanism in continuous time, as the number of steps grows."""

from __future__ import annotations

from collections.abc import Callable

from ..guidance import Guidance, RateGuidance, Schedule, Simple, Unlocking

__all__ = ["limit"]

_OTHERS: dict[object, type[RateGuidance]] = {Simple: Unlocking}


def limit(mechanism: Callable[..., Guidance]) -> Callable[[float | Schedule], RateGuidance] | None:
    """The limit of a mechanism: itself if it acts on rates; None if no limit is known."""
    if isinstance(mechanism, type) and issubclass(mechanism, RateGuidance):
        return mechanism
    return _OTHERS.get(mechanism)
