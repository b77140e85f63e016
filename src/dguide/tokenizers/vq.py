"""Tokenizers of others: folders of `VQModel` of diffusers, `config.json` and `diffusion_pytorch_model.safetensors`."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..devices import in_float32, on_cpu
from ..errors import bad, positive, require
from ..stored import Folder, digest, planning
from .base import Tokenizer

__all__ = ["CONFIG", "WEIGHTS", "VQTokenizer", "load", "of_diffusers"]

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
_CLASS = "VQModel"
_FOLDER = Folder(CONFIG, WEIGHTS, _CLASS, f"{_CLASS}.save_pretrained", "tokenizer")
_AGAIN = "Copy the folder again, both files of it."


class VQTokenizer(Tokenizer):
    r"""An autoencoder with a table of codes, `VQModel` of diffusers: a token is the number of the nearest code.

    With the encoder's output $z$ at a place and the codes $e_1, \dots, e_V$, the token is
    $\arg\min_k \lVert z - e_k \rVert$, the lowest of several. Source: van den Oord, Vinyals and Kavukcuoglu, arXiv
    1711.00937.

    Args:
        network: A `diffusers.VQModel`, on any device. It is put in evaluation mode.
        digest: SHA-256 of its files, in hexadecimal.

    Raises:
        ValueError: If its pictures are neither grey nor RGB, or of a size that is no multiple of its factor, or its
            decoder does not take its codes.
    """

    files = (CONFIG, WEIGHTS)

    def __init__(self, network: Any, digest: str) -> None:
        config = network.config
        channels = config.in_channels, config.out_channels
        if channels not in ((1, 1), (3, 3)):
            got = f"{channels[0]} into the network, {channels[1]} out of it"
            raise bad(f"channels of the {_CLASS}", got, "1 for grey pictures or 3 for RGB, both times")
        factor = 2 ** (len(config.block_out_channels) - 1)
        size = config.sample_size
        sides = size if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
        for side in sides:
            if positive("sample_size", side) % factor:
                remedy = f"Write another size into {CONFIG}, a number or [rows, columns]; the network takes any."
                raise bad(f"sample_size of the {_CLASS}", size, f"a multiple of the factor {factor}", remedy)
        depth = network.quantize.embedding.weight.shape[1]
        if config.norm_type == "spatial" and depth != config.latent_channels:  # its decoder normalises by the codes
            expected = f"{config.latent_channels}, its latent_channels, since its norm_type is spatial"
            raise bad(f"vq_embed_dim of the {_CLASS}", depth, expected, "Train one whose decoder takes its codes.")
        self.network = network.eval().requires_grad_(False)
        self.height, self.width = sides
        self.channels, self.codes, self.digest = channels[0], positive("codes", config.num_vq_embeddings), digest
        self.grid = (self.height // factor, self.width // factor)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The arguments of the network, as values for JSON."""
        return {name: value for name, value in self.network.config.items() if not name.startswith("_")}

    def _encode(self, images: Tensor) -> Tensor:
        latents = self.network.encode(images.to(self._codes.device)).latents.permute(0, 2, 3, 1).double()
        codes = self._codes.double()
        # Each distance by itself and in float64: by a product of matrices it depends on the others in the batch. One
        # picture at a time, since the table of distances is large.
        way = "donot_use_mm_for_euclid_dist"
        nearest = [torch.cdist(each.flatten(0, 1), codes, compute_mode=way).argmin(1) for each in latents]
        tokens: Tensor = torch.stack(nearest).unflatten(1, self.grid)
        return tokens

    def _decode(self, tokens: Tensor) -> Tensor:
        # Not by `VQModel.decode`: it looks for the nearest code again, or not, as its configuration says.
        network, values = self.network, self._codes[tokens.to(self._codes.device)].permute(0, 3, 1, 2).contiguous()
        beside = values if network.config.norm_type == "spatial" else None
        drawn: Tensor = network.decoder(network.post_quant_conv(values), beside)
        return drawn

    @property
    def _codes(self) -> Tensor:
        """The table of codes, [V, D]."""
        codes: Tensor = self.network.quantize.embedding.weight
        return codes


def of_diffusers(directory: Path) -> bool:
    """Whether the directory has the description of a network of diffusers, of whatever class."""
    try:
        content = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "_class_name" in content


@on_cpu
@in_float32
def load(path: str | Path, device: str | torch.device = "cpu") -> VQTokenizer:
    """Reads the tokenizer in the directory `path`. Nothing is unpickled or downloaded.

    Args:
        path: A directory from `VQModel.save_pretrained`.
        device: Device of the network.

    Raises:
        ValueError: If a file is missing, damaged or of another kind.
        OSError: If a file exists but cannot be read.
        dguide.errors.MissingExtra: If the extra `diffusers` is not installed.
    """
    directory = Path(path)
    config, weights = _described(directory / CONFIG), directory / WEIGHTS
    if not weights.is_file():
        pickled = sorted(directory.glob("*.bin"))
        got = f"only {pickled[0].name}, a pickle, which can run code" if pickled else "no such file"
        remedy = f"Load the network with diffusers, and write it again with {_FOLDER.command}."
        raise bad(f"weights {weights}", got, "a safetensors file", remedy)
    shapes = _FOLDER.shapes(weights)
    kind = require("diffusers", "diffusers").VQModel
    try:
        with planning():
            planned = kind.from_config(config)
    except (TypeError, ValueError, LookupError, ArithmeticError, RuntimeError) as error:
        raise bad(f"network in {directory / CONFIG}", str(error), f"arguments of {_CLASS}", _AGAIN) from error
    # Names can differ, since diffusers reads those of its older versions too. How many numbers there are does not.
    numbers = sum(math.prod(shape) for shape in shapes.values())
    asked = sum(each.numel() for each in planned.state_dict().values())
    if numbers != asked:
        raise bad(f"weights {weights}", f"{numbers:,} numbers", f"{asked:,}, as in the network in {CONFIG}", _AGAIN)
    network, found = kind.from_pretrained(
        str(directory),
        use_safetensors=True,
        local_files_only=True,
        low_cpu_mem_usage=False,
        ignore_mismatched_sizes=True,  # told in `found` instead
        output_loading_info=True,
    )
    wrong = sorted(str(each) for name in ("missing_keys", "mismatched_keys") for each in found[name])
    if wrong:
        raise bad(f"weights {weights}", f"none that fit {wrong[0]}", f"those of the network in {CONFIG}", _AGAIN)
    files = "".join(digest(file) for file in (directory / CONFIG, weights))
    return VQTokenizer(network.to(device), hashlib.sha256(files.encode()).hexdigest())


def _described(path: Path) -> dict[str, Any]:
    """The content of a configuration of a `VQModel`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise bad(f"configuration {path}", str(error), "a JSON file", _AGAIN) from error
    name = content.get("_class_name") if isinstance(content, dict) else None
    if name != _CLASS:
        remedy = "A tokenizer is a folder of dguide train-tokenizer, or of a network with a table of codes."
        raise bad(f"_class_name in {path}", repr(name), f"{_CLASS!r}", remedy)
    assert isinstance(content, dict)
    return content
