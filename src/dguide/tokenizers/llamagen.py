"""Tokenizers of LlamaGen: the published file of a VQ-GAN, `vq_ds16_c2i.pt`, or its tensors as safetensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..devices import in_float32, on_cpu
from ..errors import bad, require
from ..files import replacing
from ..state_dict import fill, read
from ..stored import content_digest, planning
from .base import Tokenizer
from .vqgan import VQGAN, Sizes

__all__ = ["WEIGHTS", "LlamaGenTokenizer", "load"]

WEIGHTS = "llamagen.safetensors"
"""The file in the folder of a model whose tokens are its codes."""

_WHAT = "the autoencoder of LlamaGen"
_INSIDE = ("model", "ema")
_UNUSED = "quantize.codebook_used"
"""How often the training met each code."""


class LlamaGenTokenizer(Tokenizer):
    """An autoencoder with a table of codes, from LlamaGen. It takes pictures of any size that its factor divides.

    Args:
        network: The autoencoder, on any device. It is put in evaluation mode.
        size: Rows and columns of pixels, multiples of the factor.
        path: The file that it came from, for errors.

    Raises:
        ValueError: If a side is no multiple of the factor.
    """

    batch = 1
    """Pictures are large: the decoder takes 80 MB a layer for one of 384 x 384 pixels."""

    def __init__(self, network: VQGAN, size: tuple[int, int], path: Path) -> None:
        factor = network.sizes.factor
        if any(side < 1 or side % factor for side in size):
            got = " x ".join(map(str, size))
            raise bad("size of the pictures", got, f"rows and columns that are multiples of the factor {factor}")
        self.network, self.path = network.eval().requires_grad_(False), path
        self.height, self.width = size
        self.channels, self.codes = network.sizes.channels, network.sizes.codes
        self.grid = (self.height // factor, self.width // factor)
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
        self.digest = content_digest(f"llamagen {self.height} x {self.width}", weights)

    def copy(self, source: Path, target: Path) -> None:
        """As `Tokenizer` says: the weights, as safetensors whatever the file is."""
        tensors = {name: tensor.cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        with replacing(target / WEIGHTS) as temporary:
            temporary.write_bytes(require("safetensors.torch", "train").save(tensors))

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The sizes of the network, as values for JSON."""
        return {**vars(self.network.sizes), "widths": list(self.network.sizes.widths)}

    def _encode(self, images: Tensor) -> Tensor:
        if not self.network.sizes.encoder:
            remedy = "The published file of LlamaGen has both halves."
            raise bad(
                f"tokenizer {self.path}", "a decoder alone", "an encoder too, to turn pictures into codes", remedy
            )
        return self.network.tokens(images.to(self._device))

    def _decode(self, tokens: Tensor) -> Tensor:
        return self.network.draw(tokens.to(self._device))

    @property
    def _device(self) -> torch.device:
        return self.network.post_quant_conv.weight.device


@on_cpu
@in_float32
def load(
    path: str | Path,
    size: tuple[int, int] | None = None,
    device: str | torch.device = "cpu",
    *,
    grid: tuple[int, int] | None = None,
) -> LlamaGenTokenizer:
    """Reads the autoencoder in a file of LlamaGen. Nothing in it is run.

    Args:
        path: The file as published, or its tensors as safetensors. It may lack the encoder.
        size: Rows and columns of pixels of the pictures. The file tells none, and the network takes any that its factor
            divides.
        device: Device of the network.
        grid: Rows and columns of tokens, in place of `size`.

    Raises:
        ValueError: If there is no such file, it is damaged, or it holds another network; or for both sizes, or none.
        OSError: If it exists but cannot be read.
    """
    if (size is None) == (grid is None):
        got = "none" if size is None else f"size={size} and grid={grid}"
        raise bad("size of the pictures", got, "either size, in pixels, or grid, in tokens")
    file = Path(path)
    tensors = {name: tensor for name, tensor in read(file, _INSIDE).items() if name != _UNUSED}
    sizes = _sizes(file, {name: list(tensor.shape) for name, tensor in tensors.items()})
    if not sizes.encoder:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("quant_conv.")}
    with planning():
        network = VQGAN(sizes)
    fill(network, tensors, file, _WHAT, torch.float32)
    if size is None:
        rows, columns = grid or (0, 0)
        size = (rows * sizes.factor, columns * sizes.factor)
    return LlamaGenTokenizer(network.to(device), size, file)


def _sizes(path: Path, shapes: Mapping[str, Sequence[int]]) -> Sizes:
    """The sizes of the network. Raises `InputError` if there is none with such tensors."""
    expected = f"the tensors of {_WHAT}"
    try:
        sizes = Sizes.of(shapes)
    except (KeyError, ValueError, IndexError) as error:
        first = ", ".join(list(shapes)[:3])
        remedy = f"It has {error.args[0]!r}." if isinstance(error, KeyError) else ""
        raise bad(f"weights {path}", f"{len(shapes)} tensors, as {first}", expected, remedy) from error
    wrong = [width for width in sizes.widths if width < 1 or width % 32]
    if wrong or not sizes.widths or sizes.channels not in (1, 3):
        got = f"{sizes.channels} channels, and widths {', '.join(map(str, sizes.widths))}"
        raise bad(f"weights {path}", got, f"{expected}: 1 or 3 channels, and widths that 32 divides")
    return sizes
