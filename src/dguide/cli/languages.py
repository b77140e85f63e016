"""Language models on the command line: by the folder that holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..adapters import LANGUAGE_MODELS, Adapted, Pretrained, language_model
from ..errors import bad
from ..nn import DTYPES

__all__ = ["FOLDER", "is_language", "opened", "pretrained", "sequences"]

FOLDER = f"A language model of transformers in a folder: {LANGUAGE_MODELS.usage()}, as in hf:FOLDER."
"""The description of language models in help texts."""


def is_language(text: str) -> bool:
    """Whether a text names a language model."""
    name, colon, _ = text.partition(":")
    return bool(colon) and name.lower() in LANGUAGE_MODELS.names()


def pretrained(text: str) -> Pretrained:
    """The language model of that name, not yet opened. Raises `ValueError` for another text."""
    if not is_language(text):
        raise bad("MODEL", repr(text), "a language model as hf:FOLDER", "The folder is one of save_pretrained.")
    return LANGUAGE_MODELS.read(text, typed=True)


def opened(model: Pretrained, device: torch.device, dtype: str | None) -> tuple[Any, Any]:
    """The model and its tokenizer; `dtype` is a name in `DTYPES`, or None for the precision of the files."""
    return model.open(device, None if dtype is None else DTYPES[dtype])


def sequences(text: str, device: torch.device, length: int, file: Path | None) -> tuple[Adapted, Tensor | None, Any]:
    """A language model as a denoiser, with sequences [N, length] of a file of texts, and what stands before them.

    Each line of the file is a text. Its last tokens are the sequence, those before are the prompt. Shorter lines are
    left out.

    Raises:
        ValueError: If the model cannot be opened, or the file has no line that is long enough.
    """
    model = pretrained(text)
    network, tokenizer = opened(model, device, None)
    denoiser = language_model(network, tokenizer, model.family)
    if file is None:
        return denoiser, None, None
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise bad(f"--texts {file}", str(error), "a text file, a text in each line") from error
    rows = [tokenizer(line, add_special_tokens=False)["input_ids"] for line in lines]
    mask = denoiser.convention.mask_id
    kept = [row for row in rows if len(row) > length and mask not in row]
    if not kept:
        raise bad(
            f"--texts {file}", f"{len(lines)} lines of at most {length} tokens", "a longer one, or a smaller --length"
        )
    told = denoiser.prompts([row[:-length] for row in kept])
    return denoiser, torch.tensor([row[-length:] for row in kept]), told
