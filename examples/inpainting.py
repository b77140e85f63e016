"""Fill in the lower half of handwritten digits under different labels.

The script takes held-out images of scikit-learn's digits, hides the lower four rows behind mask tokens, and fills them
in with the shipped model `checkpoints/digits-masked`. Every image is completed under its true label and under two
other labels. It prints the images as text: the original first, then the three completions.
"""

from pathlib import Path

import torch

import dguide
from dguide import checkpoint
from dguide.data import load

ROOT = Path(__file__).parents[1]
trained = checkpoint.load(ROOT / "checkpoints" / "digits-masked")
digits = load("digits").test

chosen = torch.tensor([int((digits.labels == digit).nonzero()[1]) for digit in (3, 5, 9)])  # one image of each
images, labels = digits.tokens[chosen], digits.labels[chosen]
requested = torch.stack((labels, torch.full_like(labels, 0), torch.full_like(labels, 8)), 1)  # [3 images, 3 labels]

initial = images.repeat_interleave(3, 0)  # one row for each image and label
initial[:, 32:] = trained.process.mask_id  # rows 4 to 7 of 8 pixels; masked positions are filled in, all others held
samples = dguide.sample(
    trained.model,
    process=trained.process,
    length=64,
    condition=requested.flatten(),
    initial=initial,
    guidance=dguide.Normalized(weight=1.0),
    sampler=dguide.FirstHitting(),  # one token a network call; needs no time grid
)
assert torch.equal(samples.tokens[:, :32], initial[:, :32])  # the upper half stays as it was

for image, label, row, completed in zip(images, labels, requested, samples.tokens.view(3, 3, 64), strict=True):
    print(f"an image of {int(label)}".ljust(19), *(f"completed as {int(c)}".ljust(18) for c in row))
    pictures = trained.codec.picture(torch.cat((image[None], completed)))  # brightness [4, 8, 8] in 0 .. 1
    for line in range(8):
        print("   ".join("".join(" .:-=+*#%@"[int(9 * x)] * 2 for x in picture[line]) for picture in pictures))
