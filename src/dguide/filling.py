"""Draws a region of an image anew for a class, and keeps all pixels outside it: a defect put where one wants it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .categorical import Decoding
from .checkpoint import Checkpoint
from .data import Codec
from .data.codecs.images import decoded, more_bits, open_image, reason, silent
from .errors import bad
from .guidance import Guidance
from .samplers import Calls, Condition, Sampler, sample

__all__ = ["Filled", "fill", "rectangle", "region_of", "size_of"]

Bytes = NDArray[np.uint8]
_LUMA = torch.tensor([0.299, 0.587, 0.114])
_PLAIN = Decoding()
_AT_ONCE = 16
"""Pictures that are floats in memory together."""


@dataclass(frozen=True, eq=False)
class Filled:
    """Images with a region drawn anew.

    Args:
        original: The image that was given, [H, W] or [H, W, 3] uint8.
        images: N images, [N, H, W] or [N, H, W, 3] uint8 as the image that was given.
        tokens: Their tokens as the model drew them, [N, L] int64.
        drawn: The tokens that were drawn, [L] bool; the others were held.
        calls: Network calls of one batch.
    """

    original: Bytes
    images: Bytes
    tokens: Tensor
    drawn: Tensor
    calls: Calls


def fill(
    checkpoint: Checkpoint,
    image: Any,
    region: Any,
    *,
    condition: Mapping[str, Tensor] | Tensor,
    guidance: Guidance,
    sampler: Sampler,
    border: int | None = None,
    seed: int = 0,
    first_index: int = 0,
    batch_size: int | None = None,
    reference: Condition | Any = None,
    decoding: Decoding = _PLAIN,
    denoiser: Any = None,
    progress: bool = False,
) -> Filled:
    r"""Draws the region of an image anew for the requested classes, with guidance. Everything else is kept.

    The tokens whose pixels touch the region are drawn; the others are held. Of the new picture only the pixels in the
    region are taken, so that all pixels outside it are those of the image, bit for bit. At the edge of the region, in
    its pixels, the two are blended: with distance d in pixels from the outside and border b,

    $$x = a\,x_\text{new} + (1 - a)\,x_\text{old}, \qquad a = \min(1, d / (b + 1)).$$

    Args:
        checkpoint: A model of images, from `dguide.checkpoint.load`.
        image: A `PIL.Image.Image`, the path of one, or an array [H, W] or [H, W, 3] uint8, as large as the pictures of
            the model.
        region: True where to draw, bool [H, W] (`rectangle` makes one).
        condition: The requested values of the N samples, [N], or by name of condition.
        guidance: Mechanism and weight.
        sampler: The sampler.
        border: Pixels of the region over which old and new are blended. By default half the side of a token.
        seed: Key of the random numbers.
        first_index: Number of the first sample.
        batch_size: Samples in one pass; by default all.
        reference: What to tilt away from, as in `dguide.sample`.
        decoding: Temperature, top-k, top-p.
        denoiser: What is called in place of the model of the checkpoint, such as `dguide.nn.Inference` of it.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: If the model has no images, the image has another size, or is not of 8 bits, or the region is
            empty, covers the image, or has another size.

    >>> import dguide, numpy as np, torch
    >>> model = dguide.checkpoint.load("digits-masked")
    >>> image = np.full((8, 8), 0, dtype=np.uint8)
    >>> region = dguide.filling.rectangle((2, 0, 4, 8), (8, 8))
    >>> made = dguide.fill(model, image, region, condition=torch.tensor([1, 7]), guidance=dguide.Normalized(1.0),
    ...                    sampler=dguide.Ancestral(8))
    >>> made.images.shape, bool((made.images[:, ~region] == 0).all())
    ((2, 8, 8), True)
    """
    codec, process = checkpoint.codec, checkpoint.process
    size, grid = size_of(codec), codec.shape
    assert grid is not None  # or it has no size
    old = _bytes(image, size, f"image {image}" if isinstance(image, str | Path) else "image")
    inside = _checked(region, size)
    border = _blended(border, max(size[0] // grid[0], size[1] // grid[1]) // 2)
    drawn = _cells(inside, grid).flatten()
    if drawn.all():
        got = f"one that touches all {len(drawn)} tokens of the image"
        raise bad("region", got, "one that leaves a token as it is", "To draw whole images, use dguide.sample.")
    tokens = torch.tensor(codec.encode(old), dtype=torch.int64)
    noise = process.noise_token if process.point_mass else 0
    count = len(next(iter(condition.values())) if isinstance(condition, Mapping) else condition)
    made = sample(
        checkpoint.model if denoiser is None else denoiser,
        process=process,
        length=codec.length,
        condition=dict(condition) if isinstance(condition, Mapping) else condition,
        guidance=guidance,
        sampler=sampler,
        seed=seed,
        first_index=first_index,
        batch_size=batch_size,
        initial=torch.where(drawn, noise, tokens).expand(count, -1).contiguous(),
        fixed=(~drawn).expand(count, -1).contiguous(),
        reference=reference,
        decoding=decoding,
        progress=progress,
    )
    images = np.empty((count, *old.shape), dtype=np.uint8)
    for start in range(0, count, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        new = codec.colours(made.tokens[some].cpu()).float()
        images[some] = _pasted(old, new @ _LUMA if old.ndim == 2 else new, inside, border)
    return Filled(old, images, made.tokens, drawn, made.calls)


def rectangle(place: tuple[int, int, int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The region of `place` (x, y, width, height; x counts from the left, y from the top), bool [H, W].

    Args:
        place: The rectangle in pixels.
        size: Rows and columns (H, W) of the image.

    Raises:
        ValueError: If it is empty, or leaves the image.

    >>> rectangle((1, 0, 2, 1), (2, 3)).tolist()
    [[False, True, True], [False, False, False]]
    """
    x, y, width, height = place
    if min(x, y) < 0 or min(width, height) < 1 or x + width > size[1] or y + height > size[0]:
        expected = f"x, y, width, height of a rectangle within {size[1]} x {size[0]} pixels (width x height)"
        raise bad("region", f"{x},{y},{width},{height}", expected)
    region = np.zeros(size, dtype=np.bool_)
    region[y : y + height, x : x + width] = True
    return region


def region_of(mask: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The region of a mask image: white (128 or more of 255) where to draw, bool [H, W].

    Args:
        mask: A `PIL.Image.Image`, the path of one, or an array [H, W] uint8.
        size: Rows and columns (H, W) of the image.

    Raises:
        ValueError: If it is no image of 8 bits, has another size, or has colours or greys other than black and white.
    """
    what = f"mask {mask}" if isinstance(mask, str | Path) else "mask"
    values = _bytes(mask, size, what)
    if values.ndim == 3:
        if not (values == values[..., :1]).all():
            raise bad(what, "an image in colour", "black and white: white where to draw")
        values = values[..., 0]
    middle = float(((values > 63) & (values < 192)).mean())
    if middle > 0.05:
        remedy = "Is it the photograph itself?"
        raise bad(what, f"{middle:.0%} grey pixels", "black and white: white where to draw", remedy)
    return values >= 128


def size_of(codec: Codec) -> tuple[int, int]:
    """Rows and columns of the pictures of a model. Raises `ValueError` if it has none."""
    if codec.size is None:
        raise bad("fill", "a model of strings", "a model of images", "To fill in strings, use dguide.sample(initial=).")
    return codec.size


def _bytes(image: Any, size: tuple[int, int], what: str) -> Bytes:
    """An image with 8 bits as an array, [H, W] or [H, W, 3]. Raises `ValueError` if it is none of that size."""
    expected = f"an image with 8 bits of {size[1]} x {size[0]} pixels (width x height)"
    remedy = "Pixels outside the region are kept bit for bit, so convert it first: to 8 bits, without transparency."
    if isinstance(image, str | Path) or hasattr(image, "mode"):
        image, deep = _upright(image, what, expected)
        lost = "transparency" if "transparency" in image.info else "more than 8 bits in a channel" if deep else ""
        if lost or image.mode not in ("L", "RGB", "1"):
            raise bad(what, f"mode {image.mode}" + (f" with {lost}" if lost else ""), expected, remedy)
        image = np.asarray(image.convert("L") if image.mode == "1" else image)
    if isinstance(image, Tensor):
        image = image.cpu().numpy()
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim not in (2, 3):
        got = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise bad(what, got, expected, remedy)
    if image.shape[:2] != size or image.shape[2:] not in ((), (3,)):
        channels = f" in {image.shape[2]} channels" if image.ndim == 3 else ""
        got = f"{image.shape[1]} x {image.shape[0]} pixels{channels}"
        raise bad(what, got, expected, "Resize or crop it to what the model learnt.")
    return image


def _upright(image: Any, what: str, expected: str) -> tuple[Any, bool]:
    """An image, or that of a file, decoded and upright, and whether it lost bits. Raises `ValueError` if it is none."""
    source = Path(image).expanduser() if isinstance(image, str | Path) else None
    try:
        with silent(), ExitStack() as stack:
            opened = image if source is None else stack.enter_context(open_image(source))
            deep = more_bits(opened)  # decoding loses what tells it
            return decoded(opened), deep
    except MemoryError:
        raise  # it may be that of the machine
    except Exception as error:  # Pillow raises any class for a damaged file, and only Pillow is called here
        raise bad(what, reason(error, source), expected) from error


def _checked(region: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The region, bool [H, W]. Raises `ValueError` for another shape, or a region of no or of all pixels."""
    if isinstance(region, Tensor):
        region = region.cpu().numpy()
    if not isinstance(region, np.ndarray) or region.dtype != np.bool_ or region.shape != size:
        got = f"{region.dtype} {list(region.shape)}" if isinstance(region, np.ndarray) else repr(region)[:60]
        remedy = "dguide.filling.rectangle and region_of make one."
        raise bad("region", got, f"bool [{size[0]}, {size[1]}], true where to draw", remedy)
    if not region.any():
        raise bad("region", "no pixel", "at least one pixel to draw")
    if region.all():
        raise bad("region", "all pixels", "one that leaves some as they are", "To draw images, use dguide.sample.")
    return region


def _blended(border: int | None, usual: int) -> int:
    if border is None:
        return usual
    if isinstance(border, bool) or not isinstance(border, int) or border < 0:
        raise bad("border", repr(border), "a number of pixels, 0 or more")
    return border


def _cells(inside: NDArray[np.bool_], grid: tuple[int, int]) -> Tensor:
    """The tokens whose pixels touch the region, bool [rows, columns]."""
    return F.adaptive_max_pool2d(torch.from_numpy(inside)[None].float(), grid)[0] > 0


def _pasted(old: Bytes, new: Tensor, inside: NDArray[np.bool_], border: int) -> Bytes:
    """The image `old` [H, W(, 3)] with the region of each of the pictures `new` [N, H, W(, 3)] in it."""
    weight, kept = torch.zeros(inside.shape), torch.from_numpy(inside)[None].float()
    for _ in range(border + 1):  # each round leaves the pixels that are one further from the outside
        weight += kept[0] / (border + 1)
        kept = 1 - F.max_pool2d(1 - kept, 3, stride=1, padding=1)
    share = weight if old.ndim == 2 else weight[..., None]
    before = torch.from_numpy(old.copy()).float()
    mixed: Bytes = (share * new + (1 - share) * before).round().clamp(0, 255).to(torch.uint8).numpy()
    mixed[:, ~inside] = old[~inside]
    return mixed
