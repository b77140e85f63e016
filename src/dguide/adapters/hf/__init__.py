"""Language models of transformers: denoisers of a model and its tokenizer, and guided text."""

from __future__ import annotations

from .ending import UntilEnd
from .families import FAMILIES, convention_of, family_of, language_model
from .generate import Generated, generate
from .pretrained import Pretrained
from .streaming import Streamer

__all__ = [
    "FAMILIES",
    "Generated",
    "Pretrained",
    "Streamer",
    "UntilEnd",
    "convention_of",
    "family_of",
    "generate",
    "language_model",
]
