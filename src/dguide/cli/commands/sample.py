"""`dguide sample`: draws guided samples from a checkpoint, as arrays and as a picture."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import typer
from torch import Tensor

from ... import __version__
from ... import checkpoint as checkpoints
from ...categorical import Decoding
from ...checkpoint import Checkpoint
from ...data import CONDITIONS, Written
from ...files import replacing, write_npz
from ...guidance import MECHANISMS, SCHEDULES, Guidance, Schedule
from ...nn import DTYPES, Compiled, DiffusionTransformer, Inference
from ...samplers import SAMPLERS, Calls, Condition, Sampler
from ...samplers import sample as draw
from ..conditions_arg import in_turn, read_conditions, read_initial, read_reference
from ..names import MODEL, OWN, WEIGHT, device_of, guidance_of, in_both_conventions, sampler_of
from ..output import (
    check_beside,
    check_file,
    check_new,
    labels_of,
    lines_of,
    need_images,
    picture_wanted,
    write_images,
)

__all__ = ["sample"]

_BATCHES = 16  # that are drawn before they are packed
_LINES = 4096
"""Samples that are made text at once."""
_PICTURE = 400
"""Largest number of samples in a picture."""


def sample(
    checkpoint: Path = typer.Argument(..., metavar="CHECKPOINT", help=MODEL),
    out: Path = typer.Option(..., metavar="FILE.npz", help="File for the samples; an existing file is replaced."),
    labels: str | None = typer.Option(
        None,
        metavar="0,1,...|all",
        help="Classes of the first condition, by number or name, used in turn. [default: all]",
    ),
    condition: list[str] = typer.Option(
        [],
        metavar="NAME=VALUE,...",
        help="Values of one of several conditions, repeatable: classes by number or name, or numbers, used in turn. "
        "Conditions that are not named here are not given to the model.",
    ),
    count: int = typer.Option(
        100, metavar="NUMBER", min=1, help="Number of samples; number i gets label i mod (number of labels)."
    ),
    guidance: str = typer.Option(
        "normalized", metavar="NAME", help=f"Mechanism: {', '.join(MECHANISMS.names())}, or {OWN}."
    ),
    weight: str | None = typer.Option(
        None,
        metavar="NUMBER|SCHEDULE",
        help="Guidance weight w: 0 is the conditional model, -1 the unconditional one. A number, or "
        f"name:weight,option=value with one of the names {', '.join(SCHEDULES)}, as in ramp-up:2.0,left=0,right=0.3, "
        f"or {OWN}. [default: {WEIGHT}]",
    ),
    guidance_scale: float | None = typer.Option(
        None, metavar="NUMBER", help="The guidance_scale of other libraries, 1 + w, in place of --weight."
    ),
    reference: list[str] = typer.Option(
        [],
        metavar="NAME=VALUE,...|CHECKPOINT",
        help="What guidance tilts away from: values as in --condition, repeatable, or a weaker model of the same data. "
        "[default: no condition]",
    ),
    initial: Path | None = typer.Option(
        None,
        metavar="FILE.npz",
        help="Sequences to fill in: tokens [N, L], with the mask token where to fill in, and optionally fixed [N, L], "
        "true where to hold a token. Used in turn. [default: nothing but noise]",
    ),
    sampler: str = typer.Option(
        "ancestral",
        metavar="NAME[:OPTION=VALUE,...]",
        help=f"Sampler, with its options: {SAMPLERS.usage()}, or {OWN}. As in low-confidence:noise=4.5, "
        "trapezoidal:theta=0.5, smc:particles=8,weight=2,sampler=(ancestral:steps=16).",
    ),
    steps: int | None = typer.Option(
        None, metavar="NUMBER", help="Option steps of the sampler, or of its inner sampler. [default: 32]"
    ),
    grid: str | None = typer.Option(
        None,
        metavar="NAME",
        help="Option grid of the same sampler, the times of the steps: uniform, cosine (few tokens per step at first), "
        "work (equally many masks per step), arccos if the sampler fixes the tokens per step, or a list of times such "
        "as 1;0.5;0. [default: uniform]",
    ),
    temperature: float = typer.Option(
        1.0, metavar="NUMBER", help="Temperature of the guided distribution; 0 takes the most probable token."
    ),
    top_k: int | None = typer.Option(
        None, metavar="NUMBER", help="Draw only from this number of most probable tokens. [default: all]"
    ),
    top_p: float | None = typer.Option(
        None, metavar="NUMBER", help="Draw only from the most probable tokens of this total probability. [default: all]"
    ),
    seed: int = typer.Option(0, metavar="NUMBER", help="Seed of the random numbers, 0 to 2^64 - 1."),
    first_index: int = typer.Option(
        0,
        metavar="NUMBER",
        min=0,
        help="Number of the first sample. Shards of one job use ranges that do not overlap.",
    ),
    batch_size: int = typer.Option(256, metavar="NUMBER", help="Samples in one pass through the network."),
    device: str = typer.Option("auto", metavar="NAME", help="auto (an accelerator if there is one), cpu, cuda, ..."),
    dtype: str = typer.Option(
        "float32",
        metavar="NAME",
        help=f"Precision of the network: {', '.join(DTYPES)}. A lower one is faster if the processor supports it, and "
        "changes some samples.",
    ),
    compiled: bool = typer.Option(
        False,
        "--compile/--no-compile",
        help="Compile the network. The first steps then take up to a minute, so this is for many samples.",
    ),
    png: bool | None = typer.Option(
        None, help=f"Draw the first {_PICTURE} samples to FILE.png, images only. [default: for images]"
    ),
    images: Path | None = typer.Option(
        None,
        metavar="DIRECTORY",
        help="Also write each sample at full size, as INDEX-CLASS.png in this new or empty folder; images only.",
    ),
) -> None:
    """Draw guided samples from a checkpoint.

    FILE.npz needs no pickle. It holds tokens [N, L], labels [N] (the first condition), the other conditions under
    their names, calls (conditional and reference network calls per batch), forced [N] (forced positions) and settings
    (JSON text, with the conditions of the model and the seconds of sampling). Strings are also written to FILE.txt,
    one per line; if they can contain line breaks, these are \\n and \\r there, and a backslash is doubled. A file
    beside FILE.npz is only replaced if FILE.npz exists too.

    Sample number i depends on the seed, i, its label and the settings, not on batch size or shard.
    """
    loaded = checkpoints.load(checkpoint, device_of(device))
    codec = loaded.codec
    picture = picture_wanted(png, codec)
    check_file("--out", out, ".npz", 8 * count * (codec.length + 2) + 1_000_000)
    suffixes = [*([".png"] if picture else []), *([".txt"] if isinstance(codec, Written) else [])]
    for suffix in suffixes:
        check_beside("--out", out, suffix)
        check_file("--out", out.with_suffix(suffix), suffix, 0)
    if images is not None:
        need_images("--images", codec)
        check_new("--images", images, count * (3 * codec.length + 4096))
    decoding = Decoding(temperature, top_k, top_p)

    def ready(model: DiffusionTransformer) -> Inference:
        return Inference(model, *([Compiled()] if compiled else []), dtype=dtype)

    network = ready(loaded.model)
    wanted = read_conditions(loaded.conditions, labels, condition)
    away = read_reference(loaded, reference)
    given = (None, None) if initial is None else read_initial(initial, codec.length)

    def of_samples(values: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: in_turn(each, first_index, count) for name, each in values.items()}

    job = Job(
        loaded,
        guidance_of(guidance, weight, guidance_scale),
        sampler_of(sampler, steps, grid, codec.shape),
        of_samples(wanted),
        len(wanted[loaded.conditions[0].name]),
        ready(away.model) if isinstance(away, Checkpoint) else None if away is None else of_samples(away),
        *given,
    )
    settings: dict[str, object] = {
        "version": __version__,
        "checkpoint": str(checkpoint),
        "data": loaded.config.data,
        "data_digest": loaded.config.data_digest,
        "synthetic": loaded.config.synthetic,
        "process": loaded.config.process,
        "conditions": _listed(wanted),
        "reference": _listed(away) if isinstance(away, dict) else reference or None,
        "initial": None if initial is None else str(initial),
        "learnt": [CONDITIONS.describe(each) for each in loaded.conditions],
        "count": count,
        "guidance": MECHANISMS.write(job.guidance, without=("weight",)),
        "weight": SCHEDULES.write(cast("Schedule", job.guidance.weight)),
        "sampler": SAMPLERS.write(job.sampler),
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "seed": seed,
        "first_index": first_index,
        "batch_size": batch_size,
        "device": str(next(network.parameters()).device),
        "dtype": dtype,
        "compile": compiled,
    }
    began = time.perf_counter()
    options = {
        "process": loaded.process,
        "length": codec.length,
        "guidance": job.guidance,
        "sampler": job.sampler,
        "decoding": decoding,
        "seed": seed,
        "batch_size": batch_size,
        "progress": sys.stderr.isatty(),
    }
    drawn = _draw(network, job, first_index, max(1, batch_size) * _BATCHES, options)
    seconds = time.perf_counter() - began
    settings["seconds"] = round(seconds, 3)
    _write(out, job, drawn, settings, picture)
    if images is not None:
        write_images(images, codec, loaded.conditions[0], job.labels, drawn.tokens, first_index)
    calls = f"{drawn.calls.conditional} conditional and {drawn.calls.reference} reference calls a batch"
    forced = f"{int(drawn.forced.sum())} of {drawn.tokens.numel()} positions forced"
    print(f"{count} samples in {seconds:.1f} s: {calls}, {forced}")
    print(in_both_conventions(job.guidance))
    print("\n".join(str(out.with_suffix(suffix)) for suffix in (".npz", *suffixes)))
    if images is not None:
        print(images)


@dataclass(frozen=True, eq=False)
class Job:
    """The checkpoint, guidance and sampler of one call, and what its N samples are told and given."""

    checkpoint: Checkpoint
    guidance: Guidance
    sampler: Sampler
    conditions: dict[str, Tensor]
    cycle: int
    """Number of samples after which the classes of the first condition repeat."""
    reference: dict[str, Tensor] | Inference | None = None
    initial: Tensor | None = None  # used in turn, as `fixed`
    fixed: Tensor | None = None

    @property
    def labels(self) -> Tensor:
        """Values of the first condition, [N]."""
        return self.conditions[self.checkpoint.conditions[0].name]

    def given(self, rows: slice, first: int) -> dict[str, Any]:
        """What some of the samples, from number `first`, are told and given, as arguments of `dguide.sample`."""

        def told(values: dict[str, Tensor]) -> Condition:
            several = {name: each[rows] for name, each in values.items()}
            return several if isinstance(self.checkpoint.model.n_classes, dict) else next(iter(several.values()))

        return {
            "condition": told(self.conditions),
            "reference": told(self.reference) if isinstance(self.reference, dict) else self.reference,
            "initial": None if self.initial is None else in_turn(self.initial, first, len(self.labels[rows])),
            "fixed": None if self.fixed is None else in_turn(self.fixed, first, len(self.labels[rows])),
        }


@dataclass(frozen=True, eq=False)
class Drawn:
    """All samples of one call: tokens [N, L] in few bytes, forced positions [N], and calls per batch."""

    tokens: Tensor
    forced: Tensor
    calls: Calls


def _draw(network: Inference, job: Job, first_index: int, shard: int, options: dict[str, Any]) -> Drawn:
    """Draws the samples `shard` at a time. Of those that are done only small integers stay in memory."""
    count, length = len(job.labels), job.checkpoint.codec.length
    small = torch.int16 if job.checkpoint.codec.vocab_size < 2**15 else torch.int32
    tokens, forced, calls = torch.empty(count, length, dtype=small), torch.empty(count, dtype=torch.int64), []
    for start in range(0, count, shard):
        rows = slice(start, start + shard)
        drawn = draw(network, **job.given(rows, first_index + start), first_index=first_index + start, **options)
        tokens[rows], forced[rows] = drawn.tokens, drawn.forced
        calls.append(drawn.calls)
    most = Calls(max(each.conditional for each in calls), max(each.reference for each in calls))
    return Drawn(tokens, forced, most)


def _write(out: Path, job: Job, drawn: Drawn, settings: dict[str, object], picture: bool) -> None:
    arrays = {
        "tokens": drawn.tokens.numpy(),
        "labels": job.labels.numpy(),
        **{name: values.numpy() for name, values in list(job.conditions.items())[1:]},
        "calls": np.array([drawn.calls.conditional, drawn.calls.reference]),
        "forced": drawn.forced.numpy(),
        "settings": np.array(json.dumps(settings)),
    }
    write_npz(out, arrays)
    codec = job.checkpoint.codec
    if isinstance(codec, Written):
        with replacing(out.with_suffix(".txt")) as temporary, temporary.open("w", encoding="utf-8") as file:
            for some in drawn.tokens.split(_LINES):
                file.writelines(f"{line}\n" for line in lines_of(codec, some))
    if picture:
        from ...plots import style
        from ...plots.images import contact_sheet

        columns = min(len(job.labels), 10 if 10 % job.cycle == 0 or job.cycle > 20 else job.cycle)
        first, headings = job.checkpoint.conditions[0], [""] * columns
        if job.cycle <= 20:
            shown = job.labels[:columns].tolist()
            told = [label for label in shown if 0 <= label < first.n_classes]
            names = labels_of(first.class_names, out.with_suffix(".png"), told)
            headings = [names[label] if label in told else "" for label in shown]
        sheet = contact_sheet(codec, drawn.tokens[:_PICTURE].long(), columns, headings, _title(settings))
        style.save(sheet, out.with_suffix(".png"))


def _listed(values: dict[str, Tensor]) -> dict[str, list[float]]:
    return {name: each.tolist() for name, each in values.items()}


def _title(settings: dict[str, object]) -> str:
    """The guidance and, on a second line, the other settings that identify a picture."""
    forms = {
        "sampler": "{}",
        "temperature": "temperature {}",
        "top_k": "top-k {}",
        "top_p": "top-p {}",
        "dtype": "{}",
    }
    usual = {"temperature": 1, "dtype": "float32"}
    shown = [
        form.format(settings[name])
        for name, form in forms.items()
        if settings[name] is not None and settings[name] != usual.get(name)
    ]
    made = "synthetic data, " if settings["synthetic"] else ""
    return f"{made}{settings['guidance']}, {settings['weight']}\n{', '.join(shown)}"
