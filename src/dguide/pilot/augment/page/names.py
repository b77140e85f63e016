"""Names of arms in the language of a report."""

from __future__ import annotations

from ..arms import Arm
from .amounts import Say

__all__ = ["arm_name", "setting_name"]


def setting_name(drawn: str, say: Say) -> str:
    """The name of a setting that draws examples, from `AugmentStudy.titles`."""
    kind, _, setting = drawn.partition(" ")
    return say("arm_unguided") if kind == "unguided" else say("arm_guided", setting=setting)


def arm_name(arm: Arm, say: Say) -> str:
    """The name of an arm. In English it is `Arm.name`.

    Args:
        arm: The arm.
        say: The sentences of the report.
    """
    if not arm.drawn:
        return say(_plain(arm))
    name = setting_name(arm.drawn, say)
    if arm.way == "filled":
        name = say("arm_filled", name=name)
    return say("arm_ordinary", name=name) if arm.repeated else name


def _plain(arm: Arm) -> str:
    """The key of the name of an arm without generated examples."""
    if arm.moved != "no":
        return f"arm_{arm.moved}"
    return "arm_oversampling" if arm.repeated else "arm_none"
