"""What guidance samples from, by hand: two positions, three tokens, the masked process, constant w."""

import torch

import dguide
from dguide import exact

w, (n, d) = 3.0, (3, 2)
cond = torch.tensor([[1, 1, 63], [84, 1, 1], [1, 33, 19]], dtype=torch.float64) / 204
uncond = 0.2 * cond + 0.8 * torch.tensor([[140, 5, 14], [1, 2, 1], [2, 10, 26]], dtype=torch.float64) / 201


def tilt(c, u):
    """The tilted weights of a law, and their sum Z_w."""
    weights = c ** (1 + w) * u**-w
    return weights, weights.sum(-1, keepdim=True)


(t1, z1), (t2, z2) = (tilt(cond.sum(1 - i), uncond.sum(1 - i)) for i in range(d))  # the first jump: position 1 or 2
t21, z21 = tilt(cond / cond.sum(1, keepdim=True), uncond / uncond.sum(1, keepdim=True))  # then 2 given 1
t12, z12 = (x.T for x in tilt((cond / cond.sum(0)).T, (uncond / uncond.sum(0)).T))  # or 1 given 2
one_two, two_one = t1[:, None] / z1 * t21 / z21, t2 / z2 * t12 / z12  # the law of each order
hand = {
    "Normalized": (one_two + two_one) / 2,  # either order, whatever Z is
    "Unlocking": (z1 * one_two + z2 * two_one) / (z1 + z2),  # the surer position tends to be first
}
problem = exact.Problem(dguide.Masked(n), cond, uncond)
for name, law in hand.items():
    solved = exact.solve(problem, getattr(dguide, name)(w)).final
    error, apart = ((law - other).abs().sum() / 2 for other in (solved, problem.target(w)))
    print(f"{name:<10} by hand and solved: {error:.1e} apart; to the tilted target: {apart:.3f}")
