"""Compute by hand what guidance samples from: two positions, three tokens, masked process, constant weight w = 3.

With the masked process and a constant w, only the order in which the two positions are unmasked matters. The script
computes the distribution of the samples for each order, then mixes the two orders with the probabilities that
`Normalized` and `Unlocking` give them. For each mechanism it prints two total variation distances: to the exact
solution of dguide, which is rounding error, and to the tilted target distribution, which neither mechanism reaches.
"""

import torch

import dguide
from dguide import exact

w, (n, d) = 3.0, (3, 2)  # weight; token values, positions
cond = torch.tensor([[1, 1, 63], [84, 1, 1], [1, 33, 19]], dtype=torch.float64) / 204  # p(x | c), [3, 3]
uncond = 0.2 * cond + 0.8 * torch.tensor([[140, 5, 14], [1, 2, 1], [2, 10, 26]], dtype=torch.float64) / 201  # p(x)


def tilt(c, u):
    """Tilted weights of a distribution over tokens, c^(1+w) u^(-w), and their sum Z_w."""
    weights = c ** (1 + w) * u**-w
    return weights, weights.sum(-1, keepdim=True)


# The position that is unmasked first draws from its tilted marginal; the other one draws given that token.
(t1, z1), (t2, z2) = (tilt(cond.sum(1 - i), uncond.sum(1 - i)) for i in range(d))  # position 1 first, position 2 first
t21, z21 = tilt(cond / cond.sum(1, keepdim=True), uncond / uncond.sum(1, keepdim=True))  # position 2 given position 1
t12, z12 = (x.T for x in tilt((cond / cond.sum(0)).T, (uncond / uncond.sum(0)).T))  # position 1 given position 2
one_two, two_one = t1[:, None] / z1 * t21 / z21, t2 / z2 * t12 / z12  # distribution of the samples for each order
hand = {
    "Normalized": (one_two + two_one) / 2,  # both orders are equally probable, whatever Z_w is
    "Unlocking": (z1 * one_two + z2 * two_one) / (z1 + z2),  # position i is first with probability z_i / (z_1 + z_2)
}
problem = exact.Problem(dguide.Masked(n), cond, uncond)
for name, law in hand.items():
    solved = exact.solve(problem, getattr(dguide, name)(w)).final
    error, apart = ((law - other).abs().sum() / 2 for other in (solved, problem.target(w)))
    print(f"{name:<10} TV to the exact solution: {error:.1e}; TV to the tilted target: {apart:.3f}")
