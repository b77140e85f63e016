"""What the prefix cache of a block-causal model saves: work counted, and processor time side by side.

The model is a Qwen3 of transformers with random weights (4 layers, width 128), called as a block-causal one. Guided
answers of several lengths are drawn in blocks of 32, each in 16 steps of `LowConfidence`, after prompts of 64 tokens.
Work is the number of tokens that go through the layers. Times are medians of processor time of runs that take turns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

import dguide
from dguide.adapters import CONVENTIONS, Adapted
from studies.common import Study, table

from .backbone import medians

__all__ = ["STUDY"]

VOCAB, BLOCK, STEPS, PROMPT, BATCH, REPEATS = 4096, 32, 16, 64, 2, 3
LENGTHS = (64, 128, 256)


def model_of(width: int, layers: int) -> torch.nn.Module:
    import transformers  # not with the package: it takes seconds

    torch.manual_seed(0)
    config = transformers.Qwen3Config(
        vocab_size=VOCAB,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 64,
        head_dim=32,
    )
    model: torch.nn.Module = transformers.Qwen3ForCausalLM(config).eval()
    return model


class Counted(torch.nn.Module):
    """A model that counts the tokens it is given."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model, self.tokens = model, 0

    def forward(self, input_ids: torch.Tensor, **more: Any) -> Any:
        self.tokens += input_ids.numel()
        return self.model(input_ids, **more)


def denoisers(model: torch.nn.Module) -> dict[str, Adapted]:
    """The model with its cache and without."""
    told = CONVENTIONS.call("llada2").having(vocab_size=VOCAB, mask_id=VOCAB - 1, block=BLOCK, cached=True)()
    told, counted = replace(told, cache_as="cache"), Counted(model).eval()
    return {"kept": dguide.adapt(counted, told), "anew": dguide.adapt(counted, replace(told, cache="none"))}


def answers(denoiser: Adapted, length: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    prompts = torch.randint(0, VOCAB - 1, (BATCH, PROMPT), generator=generator).tolist()
    condition = denoiser.prompts(prompts)
    return dguide.sample(
        denoiser,
        process=denoiser.process,
        length=length,
        condition=condition,
        reference=denoiser.prompts([[1] * PROMPT] * BATCH, like=condition),
        guidance=dguide.Normalized(1.0),
        sampler=dguide.Blocks(dguide.LowConfidence(STEPS), BLOCK),
    ).tokens


def measured(length: int, width: int, layers: int, repeats: int) -> dict[str, Any]:
    both, tokens, work = denoisers(model_of(width, layers)), {}, {}
    for name, denoiser in both.items():
        denoiser.module.tokens = 0  # type: ignore[attr-defined]
        tokens[name] = answers(denoiser, length)
        work[name] = denoiser.module.tokens  # type: ignore[attr-defined]
    same = float((tokens["kept"] == tokens["anew"]).double().mean())
    works = {name: lambda denoiser=denoiser: answers(denoiser, length) for name, denoiser in both.items()}
    return {"length": length, "work": work, "same tokens": same, "seconds": medians(works, repeats)}


def compute() -> dict[str, Any]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = []
    for length in LENGTHS:
        found.append(measured(length, 128, 4, REPEATS))
        print(found[-1], flush=True)
    torch.set_num_threads(threads)
    return {"prefix": found}


def sections(results: dict[str, Any]) -> dict[str, str]:
    lines = []
    for each in results["prefix"]:
        work, seconds = each["work"], each["seconds"]
        least = 2 * BATCH * (PROMPT + each["length"] // BLOCK * STEPS * BLOCK)
        lines.append(
            [
                str(each["length"]),
                f"{work['anew'] / work['kept']:.1f}",
                f"{work['kept'] / least:.2f}",
                f"{seconds['anew']:.1f}",
                f"{seconds['kept']:.1f}",
                f"{seconds['anew'] / seconds['kept']:.1f}",
                f"{100 * each['same tokens']:.1f} %",
            ]
        )
    head = ":tokens | :less work | :work over the least | :s without | :s with | :faster | :same tokens"
    return {"prefix": table(head, lines)}


STUDY = Study("prefix", "blocks.md", "one minute of one core", compute, sections, folder="benchmarks")

if __name__ == "__main__":
    STUDY.main(__doc__)
