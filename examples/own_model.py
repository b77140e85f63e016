"""Train a small network of your own, wrap it as a denoiser, and draw guided samples.

The data are sequences of 8 tokens, each token one of 8 values. In a sequence of class c = 0 to 3, one quarter of the
tokens are 2c or 2c + 1, and the others are uniformly random. The network is plain PyTorch; dguide supplies the noise
and the loss. The script prints, for three guidance weights w, the share of sampled tokens that are 2c or 2c + 1. In
the data this share is 0.44. Guidance raises it.
"""

import torch
from torch import nn

import dguide

V, L, CLASSES = 8, 8, 4  # token values, tokens of a sequence, classes; the null label is 4
process = dguide.Masked(vocab_size=V)  # the mask token is 8: the network reads it and never predicts it
torch.manual_seed(0)


class Network(nn.Module):
    """Averages the tokens that it sees: tokens [B, L] int64, time [B], labels [B] -> logits [B, L, V]."""

    def __init__(self, width=64):
        super().__init__()
        self.token = nn.Embedding(process.input_size, width)  # 9 rows: 8 tokens, 1 mask token
        self.label = nn.Embedding(CLASSES + 1, width)  # 5 rows: 4 classes, 1 null label
        self.layers = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, V))

    def forward(self, tokens, time, labels):
        """Ignore the time: with masks, the prediction does not depend on the noise level."""
        hidden = self.token(tokens).mean(1) + self.label(labels)
        return self.layers(hidden).unsqueeze(1).expand(-1, L, -1)

    def null(self, labels):
        """The condition that means "no condition"."""
        return torch.full_like(labels, CLASSES)


model = Network()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for _ in range(200):
    labels = torch.randint(CLASSES, (64,))
    special = 2 * labels.unsqueeze(1) + torch.randint(2, (64, L))
    clean = torch.where(torch.rand(64, L) < 0.25, special, torch.randint(V, (64, L)))
    given = torch.where(torch.rand(64) < 0.2, CLASSES, labels)  # leave out 20 % of the labels: guidance needs this
    time = process.noise.time(torch.rand(64).double())  # a random noise level for each sequence, and its time
    noisy = process.corrupt(clean, time, torch.rand(64, L, 2))
    log_p = process.log_probs(model(noisy, time.float(), given))
    loss = process.elbo(log_p, clean, noisy, time).mean()  # negative ELBO in nats a token
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
model.eval()

labels = torch.arange(CLASSES).repeat(100)
for w in (0.0, 1.0, 3.0):  # w = 0 is no guidance
    samples = dguide.sample(
        model,
        process=process,
        length=L,
        condition=labels,
        guidance=dguide.Normalized(weight=w),
        sampler=dguide.Ancestral(steps=8),
    )
    share = (samples.tokens // 2 == labels.unsqueeze(1)).double().mean()
    print(f"w = {w:.0f}: {share:.2f} of the tokens are 2c or 2c + 1; {samples.calls}")
