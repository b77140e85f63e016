"""Small files in the form of published weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from dguide.tokenizers.vqgan import VQGAN, Sizes

HERE = Path(__file__).parent / "adapters"
TRANSFORMER = HERE / "maskgit.safetensors"
"""Random weights of a transformer of 4 x 4 tokens of 24 codes, with 7 classes and 4 heads."""


def published_keys(name: str) -> dict[str, list[int]]:
    """The shapes of the tensors in a published file, by name."""
    keys: dict[str, list[int]] = json.loads((HERE / "published_keys.json").read_text())[name]["keys"]
    return keys


def autoencoder(path: Path, encoder: bool = True, codes: int = 24) -> VQGAN:
    """A small autoencoder with random weights of factor 4, written to a file as LlamaGen has it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = VQGAN(Sizes(codes, 8, 16, (32, 32, 64), 1, 3, encoder)).eval()
    used = {"quantize.codebook_used": torch.zeros(65536)}
    torch.save({"model": network.state_dict() | used, "steps": 3}, path)
    return network
