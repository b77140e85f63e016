"""`dguide sample`: draws guided samples from a checkpoint, as arrays and as a picture."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer
from torch import Tensor

from .. import __version__
from .. import checkpoint as checkpoints
from ..categorical import Decoding
from ..checkpoint import Checkpoint
from ..data import CONDITIONS, Codec, Written
from ..errors import bad, require
from ..files import replacing
from ..guidance import MECHANISMS, SCHEDULES, Guidance
from ..nn import DTYPES, Compiled, Inference
from ..samplers import SAMPLERS, Condition, Sampler, Samples
from ..samplers import sample as draw
from .conditions_arg import in_turn, read_conditions
from .names import OWN, device_of, guidance_of, sampler_of
from .output import check_file, labels_of, write_npz

__all__ = ["sample"]

_PICTURE = 400
"""Largest number of samples in a picture."""


def sample(
    checkpoint: Path = typer.Argument(..., metavar="CHECKPOINT", help="Directory from `dguide train`."),
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
    weight: str = typer.Option(
        "ramp-up:2.0",
        metavar="NUMBER|SCHEDULE",
        help="Guidance weight w: 0 is the conditional model, -1 the unconditional one (the guidance_scale of other "
        "libraries is 1 + w). A number, or name:weight,option=value with one of the names "
        f"{', '.join(SCHEDULES)}, as in ramp-up:2.0,left=0,right=0.3, or {OWN}.",
    ),
    sampler: str = typer.Option(
        "ancestral",
        metavar="NAME[:OPTION=VALUE,...]",
        help=f"Sampler, with its options: {SAMPLERS.usage()}, or {OWN}. As in low-confidence:noise=4.5, "
        "trapezoidal:theta=0.5, smc:particles=8,sampler=(ancestral:steps=16).",
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
) -> None:
    """Draw guided samples from a checkpoint.

    FILE.npz needs no pickle. It holds tokens [N, L], labels [N] (the first condition), the other conditions under
    their names, calls (conditional and reference network calls per batch), forced [N] (forced positions) and settings
    (JSON text, with the conditions of the model and the seconds of sampling). Strings are also written to FILE.txt,
    one per line. Sample number i depends on the seed, i, its label and the settings, not on batch size or shard.
    """
    loaded = checkpoints.load(checkpoint, device_of(device))
    codec = loaded.codec
    picture = _picture(png, codec)
    check_file("--out", out, ".npz", 8 * count * (codec.length + 2) + 1_000_000)
    if picture:
        check_file("--png", out.with_suffix(".png"), ".png", 0)
    decoding = Decoding(temperature, top_k, top_p)
    network = Inference(loaded.model, *([Compiled()] if compiled else []), dtype=dtype)
    wanted = read_conditions(loaded.conditions, labels, condition)
    job = Job(
        loaded,
        guidance_of(guidance, weight),
        sampler_of(sampler, steps, grid, codec.shape),
        {name: in_turn(values, first_index, count) for name, values in wanted.items()},
        len(wanted[loaded.conditions[0].name]),
    )
    settings: dict[str, object] = {
        "version": __version__,
        "checkpoint": str(checkpoint),
        "data": loaded.config.data,
        "synthetic": loaded.config.synthetic,
        "process": loaded.config.process,
        "conditions": {name: values.tolist() for name, values in wanted.items()},
        "learnt": [CONDITIONS.describe(each) for each in loaded.conditions],
        "count": count,
        "guidance": MECHANISMS.write(job.guidance, without=("weight",)),
        "weight": str(job.guidance.weight),
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
    drawn = draw(
        network,
        process=loaded.process,
        length=codec.length,
        condition=job.condition,
        guidance=job.guidance,
        sampler=job.sampler,
        decoding=decoding,
        seed=seed,
        first_index=first_index,
        batch_size=batch_size,
        progress=sys.stderr.isatty(),
    )
    seconds = time.perf_counter() - began
    settings["seconds"] = round(seconds, 3)
    _write(out, job, drawn, settings, picture)
    calls = f"{drawn.calls.conditional} conditional and {drawn.calls.reference} reference calls a batch"
    forced = f"{int(drawn.forced.sum())} of {drawn.tokens.numel()} positions forced"
    print(f"{count} samples in {seconds:.1f} s: {calls}, {forced}")
    suffixes = [".npz", *([".png"] if picture else []), *([".txt"] if isinstance(codec, Written) else [])]
    print("\n".join(str(out.with_suffix(suffix)) for suffix in suffixes))


@dataclass(frozen=True, eq=False)
class Job:
    """The checkpoint, guidance, sampler and conditions of one call."""

    checkpoint: Checkpoint
    guidance: Guidance
    sampler: Sampler
    conditions: dict[str, Tensor]
    cycle: int
    """Number of samples after which the classes of the first condition repeat."""

    @property
    def labels(self) -> Tensor:
        """Values of the first condition, [N]."""
        return self.conditions[self.checkpoint.conditions[0].name]

    @property
    def condition(self) -> Condition:
        """The conditions as the network takes them."""
        return self.conditions if isinstance(self.checkpoint.model.n_classes, dict) else self.labels


def _picture(wanted: bool | None, codec: Codec) -> bool:
    if wanted and codec.shape is None:
        raise bad("--png", "strings, which are no images", "a checkpoint of images", "Leave it out.")
    if codec.shape is None or wanted is False:
        return False
    require("matplotlib", "cli")
    return True


def _write(out: Path, job: Job, drawn: Samples, settings: dict[str, object], picture: bool) -> None:
    arrays = {
        "tokens": drawn.tokens.cpu().numpy(),
        "labels": job.labels.numpy(),
        **{name: values.numpy() for name, values in list(job.conditions.items())[1:]},
        "calls": np.array([drawn.calls.conditional, drawn.calls.reference]),
        "forced": drawn.forced.cpu().numpy(),
        "settings": np.array(json.dumps(settings)),
    }
    write_npz(out, arrays)
    codec = job.checkpoint.codec
    if isinstance(codec, Written):
        with replacing(out.with_suffix(".txt")) as temporary:
            temporary.write_text("".join(f"{text}\n" for text in codec.decode(drawn.tokens)), encoding="utf-8")
    if picture:
        from ..plots import images, style

        columns = min(len(job.labels), 10 if 10 % job.cycle == 0 or job.cycle > 20 else job.cycle)
        first, headings = job.checkpoint.conditions[0], [""] * columns
        if job.cycle <= 20:
            names = labels_of(first.class_names, out.with_suffix(".png"))
            headings = [names[label] if 0 <= label < first.n_classes else "" for label in job.labels[:columns]]
        sheet = images.contact_sheet(codec, drawn.tokens[:_PICTURE], columns, headings, _title(settings))
        style.save(sheet, out.with_suffix(".png"))


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
