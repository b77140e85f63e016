"""Checkpoints of networks so small that they cost nothing, and know nothing."""

from __future__ import annotations

from pathlib import Path

import torch

from dguide import Masked, Uniform, checkpoint, tokenizers
from dguide.data import CODECS, CONDITIONS, Attribute, Codec, Label, Learnt, Strings, Value, load
from dguide.nn import DiffusionTransformer
from dguide.process import PROCESSES as REGISTRY
from dguide.process import Process

DIGITS = load("digits")
PROCESSES = {"masked": Masked(16), "uniform": Uniform(16)}


def save_tiny(path: Path, process: str = "masked") -> Path:
    """A checkpoint of a network for the digits with random weights, in the directory `path`."""
    return _save(path, PROCESSES[process], "digits", DIGITS.codec, DIGITS.conditions)


def save_strings(path: Path) -> Path:
    """A checkpoint of a network with random weights for strings of a, b, c, told a kind and a mass."""
    codec = Strings(("<begin>", "<end>", "<pad>", "a", "b", "c"), 6)
    return _save(path, Masked(6), "strings", codec, (Label(("cat", "dog"), "kind"), Value("mass", 2.0, 0.5)))


def save_numbers(path: Path) -> Path:
    """The same of a network that is told a mass alone, a number."""
    codec = Strings(("<begin>", "<end>", "<pad>", "a", "b", "c"), 6)
    return _save(path, Masked(6), "strings", codec, (Value("mass", 2.0, 0.5),))


def save_learnt(path: Path, tokenizer: Path) -> Path:
    """A checkpoint of a network with random weights for the codes of a tokenizer in a folder, told a or b."""
    return save_codec(path, Learnt.of(tokenizers.load(tokenizer), tokenizer))


def save_codec(path: Path, codec: Codec) -> Path:
    """The same for a codec."""
    return _save(path, Masked(codec.vocab_size), "images", codec, (Label(("a", "b")),))


def _save(path: Path, process: Process, data: str, codec: Codec, conditions: tuple[Attribute, ...]) -> Path:
    sizes = {each.name: each.n_classes for each in conditions}
    model = DiffusionTransformer(
        codec.vocab_size,
        sizes if len(sizes) > 1 or not conditions[0].n_classes else conditions[0].n_classes,
        codec.length,
        input_size=process.input_size,
        shape=codec.shape,
        noise=None if process.prediction_free_rate else process.noise,
        width=8,
        layers=1,
        heads=2,
    )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3, generator=generator)
    config = checkpoint.Config(
        network=model.hyperparameters,
        process=REGISTRY.describe(process),
        data=data,
        codec=CODECS.describe(codec),
        conditions=[CONDITIONS.describe(each) for each in conditions],
        synthetic=False,
        command="dguide train --out tiny --steps 1",
        seed=0,
        steps=1,
        validation_bits=3.9,
        test_bits=4.0,
        test_error=0.1,
        version="0.0.0",
    )
    checkpoint.save(path, model, config)
    return path
