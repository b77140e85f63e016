"""Codecs as plain values that JSON can carry, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import bad, choose
from .base import Codec
from .pixels import Pixels
from .strings import Strings
from .tokenised import Tokenised

__all__ = ["CODECS", "codec", "describe_codec"]

CODECS: dict[str, type[Codec]] = {kind.kind: kind for kind in (Pixels, Strings, Tokenised)}
"""All codecs, by what a description calls them."""


def describe_codec(value: Codec) -> dict[str, Any]:
    """A codec as plain values that JSON can carry."""
    plain = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}  # type: ignore[arg-type]
    return {"kind": value.kind} | {k: _plain(v) for k, v in plain.items()}


def codec(description: Mapping[str, Any]) -> Codec:
    """The codec that `describe_codec` described. Raises `ValueError` if it is none."""
    arguments = dict(description)
    cls = CODECS[choose("kind of data", str(arguments.pop("kind", None)), CODECS)]
    try:
        return cls(**arguments)
    except TypeError as error:
        raise bad(f"codec of kind {cls.kind}", description, f"the arguments of {cls.__name__}") from error


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
