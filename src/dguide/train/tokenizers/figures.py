r"""How well a tokenizer keeps pictures that it has not learnt from.

With pixels x and $\hat x$ before and after, from 0 to 255: the mean squared error over all pixels of all pictures, and

$$\mathrm{PSNR} = 10 \log_{10} \frac{255^2}{\mathrm{mean} (x - \hat x)^2} \quad \text{dB},$$

over all pixels together, and as the mean of that of each picture. L1 is the mean of $|x - \hat x|$.
"""

from __future__ import annotations

import math

import torch

from ...data.pictures import Pictures
from ...tokenizers import Tokenizer
from ...tokenizers.base import BATCH

__all__ = ["figures", "psnr", "words"]


def figures(tokenizer: Tokenizer, pictures: Pictures) -> dict[str, float]:
    """`psnr` of all pixels and `psnr_mean` of pictures in dB, `l1` from 0 to 255, and the number of `codes_used`.

    A picture without any error counts as one in which a single value is wrong by 1: its PSNR would be infinite.
    """
    squares, sums, used = [], 0, torch.zeros(tokenizer.codes, dtype=torch.bool)
    for rows in pictures.slices(BATCH):
        images = pictures.batch(rows)
        tokens = tokenizer.encode(images)
        error = (tokenizer.decode(tokens).int() - images.int()).flatten(1)
        squares.append(error.square().sum(1))
        sums += int(error.abs().sum())
        used[tokens.flatten()] = True
    values = tokenizer.height * tokenizer.width * tokenizer.channels
    each = torch.cat(squares).clamp_min(1).double() / values
    return {
        "psnr": psnr(float(each.mean())),
        "psnr_mean": sum(map(psnr, each.tolist())) / len(each),
        "l1": sums / (values * len(each)),
        "codes_used": float(used.sum()),
    }


def psnr(error: float) -> float:
    """The PSNR in dB of a mean squared error."""
    return 10 * math.log10(255**2 / error)


def words(found: dict[str, float], codes: int) -> str:
    """The figures as a line."""
    return (
        f"PSNR {found['psnr']:.2f} dB (mean of pictures {found['psnr_mean']:.2f}), L1 {found['l1']:.2f} of 255, "
        f"{found['codes_used']:.0f} of {codes} codes used"
    )
