"""`dguide sample`: draws guided samples from a checkpoint, as arrays and as a picture."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import typer

from ...categorical import Decoding
from ...devices import best_device
from ...errors import Mistakes, bad
from ...guidance import MECHANISMS, SCHEDULES
from ...nn import DTYPES
from ...samplers import SAMPLERS
from ..conditions_arg import read_conditions, read_initial, read_reference
from ..models import FILES, model_of
from ..names import MODEL, OWN, WEIGHT, in_both_conventions, sampler_of
from ..sampling.files import PICTURE, SampleFiles
from ..sampling.folder import SampleFolder, is_folder
from ..sampling.job import Drawn, Job
from ..sampling.plan import Numbers, Plan, mechanism_of, setting_of
from ..workers import GPUS_PER_TASK, JOBS, RAY, device_of_workers, executor_of

__all__ = ["sample"]

_ANY_SHAPE = 8, 8
"""Of images, for a sampler that needs one when no model is there to say it."""


def sample(
    checkpoint: str = typer.Argument(..., metavar="CHECKPOINT", help=f"{MODEL} {FILES}"),
    out: str = typer.Option(
        ...,
        metavar="FILE.npz|FOLDER",
        help="File for the samples; an existing file is replaced. Or a folder for many samples, in shards: the same "
        "command goes on with it after any interruption. Also an address such as s3://bucket/folder.",
    ),
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
        None, help=f"Draw the first {PICTURE} samples to FILE.png, images only. [default: for images]"
    ),
    images: Path | None = typer.Option(
        None,
        metavar="DIRECTORY",
        help="Also write each sample at full size, as INDEX-CLASS.png in this new or empty folder; images only. With a "
        "FOLDER of samples the same command goes on with them.",
    ),
    jobs: int | None = JOBS,
    ray: str | None = RAY,
    gpus_per_task: float = GPUS_PER_TASK,
) -> None:
    """Draw guided samples from a checkpoint.

    FILE.npz needs no pickle. It holds tokens [N, L], labels [N] (the first condition), the other conditions under
    their names, calls (conditional and reference network calls per batch), forced [N] (forced positions) and settings
    (JSON text, with the conditions of the model and the seconds of sampling). Strings are also written to FILE.txt,
    one per line; if they can contain line breaks, these are \\n and \\r there, and a backslash is doubled. A file
    beside FILE.npz is only replaced if FILE.npz exists too.

    A FOLDER gets shards of these arrays but for calls and settings, each written whole or not at all, and study.json
    with the settings. --jobs and --ray share the work. `dguide evaluate FOLDER` reads the shards.

    Sample number i depends on the seed, i, its label and the settings, not on batch size or shard.
    """
    mistakes = Mistakes()
    folder = bool(mistakes.of(lambda: is_folder(out)))
    numbers = Numbers.of(mistakes, count, seed, first_index, batch_size, dtype, compiled)
    where = mistakes.of(lambda: device_of_workers(device, ray, gpus_per_task))
    place = best_device() if ray is not None else torch.device(where or "cpu")
    model = mistakes.of(lambda: model_of(checkpoint, torch.device("cpu") if folder else place, place))
    shape = _ANY_SHAPE if model is None else model.codec.shape
    setting = setting_of(
        mistakes,
        mechanism_of(mistakes, guidance, weight, guidance_scale),
        mistakes.of(lambda: sampler_of(sampler, steps, grid, shape)),
        mistakes.of(lambda: Decoding(temperature, top_k, top_p)),
    )
    length = None if model is None else model.codec.length
    begun = None if initial is None else mistakes.of(lambda: read_initial(initial, length))
    plan, networks, study = None, None, None
    if model is not None:
        told = mistakes.of(lambda: read_conditions(model.conditions, labels, condition))
        away = mistakes.of(lambda: read_reference(model, reference))
        usual = {each.name: each.not_given for each in model.conditions}
        plan = Plan(model, setting, numbers, told or usual, away, *(begun or (None, None)))
        if folder:
            study = plan.checked_study(mistakes, where or "cpu")
        else:
            networks = plan.checked_networks(mistakes)
    whole = mistakes.none  # of another study no folder is said to be, as long as this one is not known
    executor = mistakes.of(lambda: executor_of(jobs, ray, gpus_per_task))
    if not folder:
        mistakes.of(lambda: _check_alone(out, jobs, ray))
    codec = None if model is None else model.codec
    files = (SampleFolder if folder else SampleFiles).of(mistakes, out, codec, count, png, images)
    if isinstance(files, SampleFolder):
        files.check_free(mistakes, study if whole else None, model)
    mistakes.settle()
    assert plan is not None
    assert executor is not None
    job = plan.job(networks)
    if isinstance(files, SampleFolder):
        assert study is not None
        settings = plan.settings(initial, device_of_workers(device, ray, gpus_per_task))
        drawn, seconds = files.draw(study, executor, settings, plan.model)
    else:
        assert networks is not None
        began = time.perf_counter()
        drawn = job.draw(
            networks.denoiser,
            decoding=setting.decoding,
            seed=seed,
            batch_size=batch_size,
            progress=sys.stderr.isatty(),
        )
        seconds = time.perf_counter() - began
        settings = plan.settings(initial, str(plan.model.device)) | {"seconds": round(seconds, 3)}
    assert files is not None
    files.write(job, drawn, settings)
    _report(job, drawn, seconds, files.paths)


def _check_alone(out: str, jobs: int | None, ray: str | None) -> None:
    """Raises `InputError` if the work of a file is to be shared."""
    if ray is not None or jobs not in (None, 1):
        option = "--jobs" if ray is None else "--ray"
        raise bad(option, f"with the file {out}", "a folder for the samples", "Leave out the suffix .npz.")


def _report(job: Job, drawn: Drawn, seconds: float, paths: Sequence[str | Path]) -> None:
    """Prints what the samples cost and where they are."""
    calls = f"{drawn.calls.conditional} conditional and {drawn.calls.reference} reference calls a batch"
    forced = f"{int(drawn.forced.sum())} of {drawn.tokens.numel()} positions forced"
    print(f"{len(job.labels)} samples in {seconds:.1f} s: {calls}, {forced}")
    print(in_both_conventions(job.guidance))
    print("\n".join(map(str, paths)))
