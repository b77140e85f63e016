"""Halton-MaskGIT by its two published files: the transformer, and the autoencoder of LlamaGen for its codes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ...data import Label, Learnt
from ...devices import in_float32, on_cpu
from ...errors import bad, positive
from ...state_dict import fill, number_of, read
from ...stored import content_digest, planning
from ...tokenizers import llamagen
from ..published import ImageModel, Published
from .transformer import MaskGIT, Sizes

__all__ = ["MaskGITFiles", "load"]

_WHAT = "the class-conditional Halton-MaskGIT transformer"
_INSIDE = ("model_state_dict",)
_HEADS = {384: 6, 768: 12, 1024: 16, 1152: 16}
"""Attention heads of the published sizes, by their width: tiny, base, large and extra large."""


@dataclass(frozen=True)
class MaskGITFiles(Published):
    """Halton-MaskGIT with the autoencoder of LlamaGen.

    Args:
        transformer: File of the transformer, as published (`ImageNet_384_large.pth`) or as safetensors.
        decoder: File of the autoencoder, as published (`vq_ds16_c2i.pt`) or as safetensors.
        heads: Attention heads; the file does not tell them. By default those of the published size of this width.
        classes: Text file with the name of class 0, 1, ... in each line; by default the classes are called by numbers.
    """

    transformer: Path
    decoder: Path
    heads: int | None = None
    classes: Path | None = None

    def load(self, device: torch.device, dtype: torch.dtype) -> ImageModel:
        """As `Published` says."""
        network, digest = _loaded(self.transformer, self.heads, device, dtype)
        label = Label(_names(self.classes, network.n_classes))
        return ImageModel(network, network.process, network.shape, (label,), digest)

    def codec(self, device: torch.device) -> Learnt:
        """As `Published` says."""
        sizes = _sizes(self.transformer, _shapes(self.transformer), self.heads)
        decoder = llamagen.load(self.decoder, device=device, grid=sizes.shape)
        if decoder.codes != sizes.codes:
            got, expected = f"{decoder.codes:,} codes", f"{sizes.codes:,}, as {self.transformer} has them"
            raise bad(f"decoder {self.decoder}", got, expected, "Pass the autoencoder that made the training data.")
        return Learnt.of(decoder, self.decoder)


def load(
    path: str | Path,
    *,
    heads: int | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> MaskGIT:
    """Reads the transformer in its published file. Nothing in it is run.

    Args:
        path: The file of `torch.save`, or its tensors as safetensors.
        heads: As of `MaskGITFiles`.
        device: Device of the network.
        dtype: Precision of the network. Norms are computed in float32 in any case.

    Raises:
        ValueError: If there is no such file, it is damaged, or it holds another network; or the heads do not fit.
        OSError: If it exists but cannot be read.
    """
    return _loaded(Path(path), heads, torch.device(device), dtype)[0]


@on_cpu
@in_float32
def _loaded(path: Path, heads: int | None, device: torch.device, dtype: torch.dtype) -> tuple[MaskGIT, str]:
    """The network, and the digest of its weights and heads."""
    tensors = read(path, _INSIDE)
    sizes = _sizes(path, {name: list(tensor.shape) for name, tensor in tensors.items()}, heads)
    with planning():
        network = MaskGIT(sizes)
    fill(network, tensors, path, _WHAT, dtype)
    digest = content_digest(f"maskgit {sizes.heads}", {name: each.contiguous() for name, each in tensors.items()})
    return network.to(device), digest


def _shapes(path: Path) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in read(path, _INSIDE).items()}


def _sizes(path: Path, shapes: Mapping[str, Sequence[int]], heads: int | None) -> Sizes:
    """The sizes that the shapes tell. Raises `InputError` if they are those of another network."""
    needed = ("cls_emb.weight", "tok_emb.weight", "pos_emb.weight", "transformer.layers.0.ff.w1.weight")
    lacking = [name for name in needed if len(shapes.get(name, ())) != 2]
    if lacking:
        got = f"{len(shapes)} tensors without {', '.join(lacking)}"
        raise bad(f"weights {path}", got, f"those of {_WHAT}", "Pass the file of the transformer, not another one.")
    classes, width = shapes["cls_emb.weight"]
    length = shapes["pos_emb.weight"][0]
    side = math.isqrt(length)
    if side * side != length:
        raise bad(f"weights {path}", f"{length} positions", f"a square of them, as {_WHAT} has it")
    return Sizes(
        codes=shapes["tok_emb.weight"][0] - 1,
        classes=classes - 1,
        shape=(side, side),
        width=width,
        layers=number_of(shapes, "transformer.layers."),
        heads=_fitting(path, heads, width),
        inner=shapes["transformer.layers.0.ff.w1.weight"][0],
        registers=shapes.get("reg_tokens.weight", (0,))[0],
    )


def _fitting(path: Path, heads: int | None, width: int) -> int:
    if heads is None and width not in _HEADS:
        known = ", ".join(map(str, _HEADS))
        got = f"none, for a network of width {width} in {path}"
        raise bad("heads", got, f"a number, unless the width is a published one: {known}", "Add heads=NUMBER.")
    heads = _HEADS[width] if heads is None else positive("heads", heads)
    if width % heads:
        raise bad("heads", heads, f"a divisor of the width {width} of the network in {path}")
    return heads


def _names(path: Path | None, count: int) -> tuple[str, ...]:
    """The names of the classes. Raises `InputError` for a file with more or fewer, or none."""
    if path is None:
        return tuple(map(str, range(count)))
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise bad(f"classes {path}", str(error), f"a text file with {count} lines, one for each class") from error
    if len(lines) != count or not all(lines):
        empty = sum(not line for line in lines)
        raise bad(f"classes {path}", f"{len(lines)} lines, {empty} of them empty", f"{count} names of classes")
    return tuple(lines)
