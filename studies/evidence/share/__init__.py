"""Parts of the study `sampler-share`: how much of the gap between guidance mechanisms is the sampler."""
