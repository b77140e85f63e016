"""`dguide generate`: guided text of a language model."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import typer

from ...adapters import generate as generated
from ...categorical import Decoding
from ...errors import Mistakes, choose
from ...guidance import MECHANISMS, Guidance
from ...nn import DTYPES
from ...samplers import SAMPLERS
from ..languages import FOLDER, opened, pretrained
from ..names import OWN, device_of, guidance_of, in_both_conventions, sampler_of

__all__ = ["generate"]


def generate(
    model: str = typer.Argument(..., metavar="MODEL", help=FOLDER),
    prompts: list[str] = typer.Argument(
        ..., metavar="PROMPT...", help="Texts to write on; or with the mask token of the model where to fill in."
    ),
    max_new_tokens: int | None = typer.Option(
        None, metavar="NUMBER", help="Tokens to write behind each prompt at most. [default: fill in masks]"
    ),
    negative: list[str] = typer.Option(
        [], metavar="TEXT", help="What guidance tilts away from: one, or one for each prompt. [default: no prompt]"
    ),
    chat: bool = typer.Option(False, "--chat", help="Prompts go through the chat template."),
    block: int | None = typer.Option(None, metavar="NUMBER", help="Write in blocks of so many tokens, left to right."),
    stop: list[str] | None = typer.Option(
        None, metavar="TOKEN", help="Token that ends a text, repeatable. [default: as the tokenizer says]"
    ),
    guidance: str = typer.Option(
        "normalized", metavar="NAME", help=f"Mechanism: {', '.join(MECHANISMS.names())}, or {OWN}."
    ),
    weight: str | None = typer.Option(
        None, metavar="NUMBER|SCHEDULE", help="Guidance weight w, as in `dguide sample`. [default: no guidance]"
    ),
    guidance_scale: float | None = typer.Option(
        None, metavar="NUMBER", help="The guidance_scale of other libraries, 1 + w, in place of --weight."
    ),
    sampler: str | None = typer.Option(
        None,
        metavar="NAME[:OPTION=VALUE,...]",
        help=f"Sampler: {', '.join(SAMPLERS.names())}, or {OWN}. [default: low-confidence, one token a step]",
    ),
    steps: int | None = typer.Option(None, metavar="NUMBER", help="Option steps of the sampler."),
    temperature: float = typer.Option(1.0, metavar="NUMBER", help="Temperature; 0 takes the most probable token."),
    top_k: int | None = typer.Option(None, metavar="NUMBER", help="Draw from so many most probable tokens only."),
    top_p: float | None = typer.Option(
        None, metavar="NUMBER", help="Draw from the most probable tokens of this total probability only."
    ),
    seed: int = typer.Option(0, metavar="NUMBER", help="Seed of the random numbers, 0 to 2^64 - 1."),
    batch_size: int | None = typer.Option(None, metavar="NUMBER", help="Prompts of a forward pass. [default: all]"),
    device: str = typer.Option("auto", metavar="NAME", help="auto (an accelerator if there is one), cpu, cuda, ..."),
    dtype: str | None = typer.Option(
        None, metavar="NAME", help=f"Precision: {', '.join(DTYPES)}. [default: that of the files]"
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, for programs."),
) -> None:
    """Write guided text, or fill in masks of a text.

    Takes a language model of transformers. Prints a text for each prompt, and on standard error what it cost. Code in
    the folder of the model is run only with hf:FOLDER,trust_remote_code=true. Nothing is downloaded.
    """
    mistakes = Mistakes()
    files = mistakes.of(lambda: pretrained(model))
    place = mistakes.of(lambda: device_of(device))
    mistakes.of(lambda: None if dtype is None else choose("dtype", dtype, DTYPES))
    tilt: Guidance | None = None
    if weight is not None or guidance_scale is not None:
        tilt = mistakes.of(lambda: guidance_of(guidance, weight, guidance_scale))
    drawn_by = None
    if sampler is not None or steps is not None:
        drawn_by = mistakes.of(lambda: sampler_of(sampler or "low-confidence", steps))
    decoding = mistakes.of(lambda: Decoding(temperature, top_k, top_p))
    mistakes.settle()
    assert files is not None
    assert place is not None
    assert decoding is not None
    network, tokenizer = opened(files, place, dtype)
    made = generated(
        network,
        tokenizer,
        list(prompts),
        guidance=tilt,
        sampler=drawn_by,
        negative_prompts=list(negative) or None,
        max_new_tokens=max_new_tokens,
        block=block,
        chat=chat,
        stop=stop or None,
        decoding=decoding,
        convention=files.family,
        seed=seed,
        batch_size=batch_size,
        progress=sys.stderr.isatty(),
    )
    if as_json:
        print(json.dumps(asdict(made) | {"tokens_per_forward": made.tokens_per_forward}, ensure_ascii=False))
    else:
        print("\n".join(made.texts))
    calls = f"{made.calls.conditional} conditional and {made.calls.reference} reference calls a batch"
    texts = f"{len(made.texts)} text{'s' if len(made.texts) > 1 else ''} in {made.seconds:.1f} s"
    print(f"{texts}: {calls}, {made.tokens_per_forward:.2f} tokens a forward pass", file=sys.stderr)
    if tilt is not None:
        print(in_both_conventions(tilt), file=sys.stderr)
