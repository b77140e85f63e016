"""Draw the framework of an antibody anew around its binding loops, with a pretrained model.

The heavy chain is that of trastuzumab, as published (PDB entry 1N8Z). Its three complementarity-determining regions
(CDRs, by the definition of IMGT) are given, and everything between them is masked and filled in. The condition is that
the CDRs are seen; the reference sees masks in their place. The script prints two designs for each guidance schedule,
a dot for each amino acid that is as in the original, with three figures: the probability of a CDR residue in the new
framework, the share of the framework that is as in the original, and the probability that it is human, by the model.

Needs `pip install 'dguide[antibodies]'`. Takes about half a minute of one CPU core.
"""

import torch

import dguide
from dguide.adapters import Given, antibodies
from dguide.adapters.antibody import SPECIES, decode, encode, positions_of

ORIGINAL = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
CDRS = ("GFNIKDTY", "IYPTNGYT", "SRWGGDGFYAMDY")
SCHEDULES = {"no guidance": 0.0, "ramp-up, mean w = 1": dguide.RampUp(2.0)}

model = antibodies()
denoiser = Given(model.denoiser)  # its condition: some tokens of the sequence
original, cdrs = encode(ORIGINAL), positions_of(CDRS, ORIGINAL)
condition = denoiser.given(original.expand(2, -1), cdrs)

print("the original".ljust(24), ORIGINAL)
print("the CDRs".ljust(24), "".join("^" if given else " " for given in cdrs.tolist()))
for name, w in SCHEDULES.items():
    tokens = dguide.sample(
        denoiser,
        process=model.process,
        length=len(ORIGINAL),
        condition=condition,
        initial=denoiser.initial(condition),  # the CDRs are held, masks are filled in
        guidance=dguide.Normalized(w),
        sampler=dguide.Ancestral(steps=16),
    ).tokens
    assert torch.equal(tokens[:, cdrs], original[:, cdrs].expand(2, -1))
    hidden = tokens.masked_fill(cdrs, model.process.noise_token)
    with torch.no_grad():
        log_p = model.process.log_probs(model.denoiser(hidden, torch.ones(2), None))
    found = log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)[:, cdrs].mean(1).exp()
    same = (tokens == original)[:, ~cdrs].double().mean(1)
    human = model.species(tokens)[:, SPECIES.index("human")]
    for design, p, share, h in zip(decode(tokens), found, same, human, strict=True):
        drawn = "".join("." if new == old else new for new, old in zip(design, ORIGINAL, strict=True))
        print(f"{name:<24} {drawn}  CDRs {p:.2f}, as in the original {share:.2f}, human {h:.2f}")
