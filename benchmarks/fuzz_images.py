"""Reads images with random damage. Each is read, or listed with a reason."""

from __future__ import annotations

import io
import time
from collections import Counter

import numpy as np
from PIL import Image

from dguide.data.codecs.images import FORMATS, open_image
from dguide.data.files.image_files import read_images
from studies.common import parser


def samples() -> list[bytes]:
    """Small images of each format, in several modes and compressions."""
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4)
    wide = Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000)
    colour = Image.merge("RGB", [grey, grey.rotate(90), grey.rotate(180)])
    frames = {"save_all": True, "append_images": [grey.rotate(90)]}
    kinds: list[tuple[Image.Image, str, dict[str, object]]] = [(grey, name, {}) for name in FORMATS]
    kinds += [(colour, name, {}) for name in FORMATS]
    kinds += [(wide, name, {}) for name in ("PNG", "TIFF", "PPM")]
    kinds += [(grey, name, frames) for name in ("GIF", "TIFF", "WEBP", "PNG")]
    kinds += [(colour, "TIFF", {"compression": name}) for name in ("tiff_lzw", "jpeg", "tiff_deflate", "packbits")]
    kinds += [(colour.quantize(8), "PNG", {"transparency": 0}), (colour, "JPEG", {"progressive": True})]
    files = []
    for image, name, options in kinds:
        file = io.BytesIO()
        image.save(file, name, **options)
        files.append(file.getvalue())
    return files


def damaged(whole: bytes, random: np.random.Generator) -> bytes:
    """The file with up to eight bytes changed, a part repeated or cut out, or without its end."""
    changed = bytearray(whole)
    for place in random.integers(len(whole), size=random.integers(9)).tolist():
        changed[place] = random.choice([0, 1, 127, 128, 255, int(random.integers(256))])
    first, last = sorted(random.integers(len(whole) + 1, size=2).tolist())
    what = random.integers(8)
    if what == 0:
        del changed[last:]
    elif what == 1:
        del changed[first:last]
    elif what == 2:
        changed[first:first] = changed[first:last]
    return bytes(changed)


def fuzz(count: int, seed: int = 0) -> Counter[str]:
    """Reads `count` damaged files; how many were read, and how many left out for each kind of reason."""
    random, files = np.random.default_rng(seed), samples()
    sources = [damaged(files[k % len(files)], random) for k in range(count)]
    images = read_images(sources, lambda source: open_image(io.BytesIO(source)), "files", (4, 4), 16, None)
    why = (images.notes[index].partition(":")[0].partition(" ")[0] for index in images.unread)
    return Counter(why) + Counter(read=len(images.tokens))


def main() -> None:
    command = parser(__doc__, "nothing; it prints how many were read", "some seconds for each 2,000 images")
    command.add_argument("count", type=int, nargs="?", default=2000, help="number of images (default: 2000)")
    count = command.parse_args().count
    total, began = Counter[str](), time.monotonic()
    for first in range(0, count, 2000):
        total += fuzz(min(2000, count - first), first)
    print(f"{count} files in {time.monotonic() - began:.0f} s: {dict(total)}")


if __name__ == "__main__":
    main()
