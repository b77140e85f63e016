"""The network: BERT of transformers, and linear layers that tell species and chain from its first output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...devices import in_float32, on_cpu
from ...errors import bad, require
from ...state_dict import fill, number_of, read
from ...stored import planning

__all__ = ["CHAINS", "SPECIES", "VOCABULARY", "load", "longest"]

SPECIES = ("camel", "human", "mouse", "rabbit", "rat", "rhesus")
"""What the outputs for species stand for, in their order."""
CHAINS = ("heavy", "light")
"""What the outputs for the chain stand for, in their order."""
VOCABULARY = 25
"""Tokens that the network reads and predicts: five special ones, then the 20 amino acids."""
_GRAFTS = 2
_WIDTH_OF_HEAD = 64
"""The file does not tell the attention heads; in the published one they have this width."""
_WHAT = "AntiBERTy 0.1.3"


@on_cpu
@in_float32
def load(path: Path, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Reads the network. Nothing in the file is run.

    Returns:
        `BertForMaskedLM` of transformers, in evaluation mode. Its `bert` also has a pooler; `cls.species` and
        `cls.chain` map the pooled output to logits [B, 6] and [B, 2]. (`cls.graft` comes with the file.)

    Raises:
        dguide.errors.MissingExtra: If transformers is not installed.
        ValueError: If the file is damaged, or holds another network.
    """
    transformers = require("transformers", "antibodies")
    tensors = read(path)
    config = transformers.BertConfig(**_sizes(path, {name: list(each.shape) for name, each in tensors.items()}))
    with planning():
        network: Any = transformers.BertForMaskedLM(config)
        network.bert = transformers.BertModel(config)
        for name, outputs in (("species", len(SPECIES)), ("chain", len(CHAINS)), ("graft", _GRAFTS)):
            network.cls.add_module(name, nn.Linear(config.hidden_size, outputs))
    inputs = network.bert.embeddings
    inputs.register_buffer("position_ids", inputs.position_ids)  # in the file, though not in those of transformers
    inputs.token_type_ids = torch.zeros(1, config.max_position_embeddings, dtype=torch.int64)
    fill(network, tensors, path, _WHAT, dtype)
    moved: nn.Module = network.to(device)
    return moved


def longest(network: nn.Module) -> int:
    """The most amino acids of a sequence: one place is for the token before it, and one for that behind it."""
    return int(network.config.max_position_embeddings) - 2  # type: ignore[union-attr, arg-type]


def _sizes(path: Path, shapes: dict[str, list[int]]) -> dict[str, Any]:
    """The sizes that the shapes tell, as BERT calls them. Raises `InputError` if they are those of another network."""
    words, places = "bert.embeddings.word_embeddings.weight", "bert.embeddings.position_embeddings.weight"
    inner = "bert.encoder.layer.0.intermediate.dense.weight"
    lacking = [name for name in (words, places, inner) if len(shapes.get(name, ())) != 2]
    if lacking:
        raise bad(f"weights {path}", f"{len(shapes)} tensors without {', '.join(lacking)}", f"those of {_WHAT}")
    width = shapes[words][1]
    if width % _WIDTH_OF_HEAD:
        raise bad(f"weights {path}", f"a network of width {width}", f"{_WHAT}, with heads of width {_WIDTH_OF_HEAD}")
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": width,
        "num_hidden_layers": number_of(shapes, "bert.encoder.layer."),
        "num_attention_heads": width // _WIDTH_OF_HEAD,
        "intermediate_size": shapes[inner][0],
        "max_position_embeddings": shapes[places][0],
    }
