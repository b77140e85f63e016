"""Laws in continuous time: which mechanism has which limit as steps grow in number."""

from __future__ import annotations

from collections.abc import Callable

from ..guidance import Guidance, RateGuidance, Schedule, Simple, Unlocking

__all__ = ["limit"]

_OTHERS: dict[object, type[RateGuidance]] = {Simple: Unlocking}


def limit(mechanism: Callable[..., Guidance]) -> Callable[[float | Schedule], RateGuidance] | None:
    """The mechanism on rates that one tends to: itself, if it acts on rates; None if no limit is known."""
    if isinstance(mechanism, type) and issubclass(mechanism, RateGuidance):
        return mechanism
    return _OTHERS.get(mechanism)
