"""`dguide evaluate`: compares samples from a file, or new samples from a checkpoint, with real data."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer

from ... import checkpoint as checkpoints
from ...categorical import Decoding
from ...checkpoint import Checkpoint
from ...data import Dataset
from ...data.align_conditions import aligned, real_data
from ...errors import Mistakes, bad
from ...evaluate import METRICS, Estimate, Evaluation, Metric, evaluate_samples, likelihood, paired_differences
from ...evaluate.evaluation import as_json, figure, table
from ...evaluate.samples import FEATURES, check_count, suited
from ...files import expanded, replacing
from ...samplers import SAMPLERS
from ..archive import Archive, is_folder_of_samples
from ..names import OWN, guidance_of, metrics_of
from ..options import options
from ..output import check_directory
from ..sampling.plan import Numbers
from ..workers import device_of_workers
from .sample import sample

__all__ = ["evaluate"]

_COUNT = 1000


def _drawing() -> Iterator[inspect.Parameter]:
    """The options of `dguide sample`, except its input and output."""
    for name, parameter in inspect.signature(sample, eval_str=True).parameters.items():
        option = copy.copy(parameter.default)
        if name == "count":
            option.default = _COUNT
        if name not in ("checkpoint", "out"):
            yield parameter.replace(default=option)


@options(_drawing())
def evaluate(
    context: typer.Context,
    source: str = typer.Argument(
        ...,
        metavar="SAMPLES.npz|FOLDER|CHECKPOINT",
        help="File, folder or address of samples from `dguide sample`, or a checkpoint to sample from.",
    ),
    out: Path = typer.Option(
        Path("evaluation"),
        metavar="DIRECTORY",
        help="Folder for evaluation.md, evaluation.json and new samples; created if missing.",
    ),
    data: str | None = typer.Option(
        None, metavar="NAME", help="Real data to compare with. [default: the training data of the model]"
    ),
    features: str | None = typer.Option(
        None,
        metavar="NAME",
        help=f"Features to compare images in: {', '.join(FEATURES)}. [default: learnt, by a network on real data]",
    ),
    metric: list[str] = typer.Option(
        [],
        metavar="NAME",
        help=f"Metric with its options, repeatable: {METRICS.usage()}, or {OWN}. [default: all metrics here that suit "
        "the data]",
    ),
    inception_weights: Path | None = typer.Option(
        None, metavar="FILE", help="Weights of Inception from torch-fidelity, for --features inception."
    ),
    repetitions: int = typer.Option(200, metavar="NUMBER", min=0, help="Random halves for each interval; 0 for none."),
    judge_seed: int = typer.Option(
        0, metavar="NUMBER", min=0, help="Seed of the classifier, the choice of real data and the intervals."
    ),
    against: str | None = typer.Option(
        None,
        metavar="OTHER.npz|FOLDER",
        help="Other samples of the same seed and conditions: adds the differences of the figures, pair by pair, and "
        "differences.json.",
    ),
    bits: bool = typer.Option(
        False, "--bits/--no-bits", help="Add the bits per token of held-out data; only with a CHECKPOINT."
    ),
    **drawing: Any,
) -> None:
    """Compare samples with real data.

    Accuracy, distances, diversity, copies; other metrics for strings. Each figure has an interval, a number of samples,
    and the value for real held-out data. --against compares with other samples of the same seed. The options of
    `dguide sample` are for new samples from a CHECKPOINT only.
    """
    mistakes, source = Mistakes(), _at_home(source)
    against = None if against is None else _at_home(against)
    mistakes.of(lambda: check_directory("--out", out))
    other = mistakes.of(partial(Archive.read, against)) if against is not None else None
    found = mistakes.of(lambda: metrics_of(metric))
    there = source.endswith(".npz") or is_folder_of_samples(source)
    given = [name for name in drawing if _is_given(context, name)] + (["bits"] if bits else [])
    mistakes.of(lambda: _refuse(source, given) if there else _check_drawing(drawing))
    mistakes.settle()
    assert found is not None
    chosen, judged_by = found
    if there:
        drawn, extra, seconds = Archive.read(source), [], 0.0
        dataset = _data_of_samples(drawn, data)
        metrics = suited(dataset, chosen, features, inception_weights)
    else:
        loaded = _model(Path(source))
        dataset = loaded.real_data(data)
        metrics = suited(dataset, chosen, features, inception_weights)
        check_count(metrics, drawing["count"])
        began = time.perf_counter()
        extra = [_bits(loaded, dataset)] if bits else []
        seconds = time.perf_counter() - began
        out.mkdir(parents=True, exist_ok=True)
        shared = drawing["jobs"] is not None or drawing["ray"] is not None
        samples = str(out / ("samples" if shared else "samples.npz"))
        sample(checkpoint=source, out=samples, **drawing)
        drawn = Archive.read(samples)
    if other is not None:
        drawn.check_paired(other)
    judged: dict[str, Any] = {"features": features, "repetitions": repetitions, "judge_seed": judge_seed}
    judged |= {"metrics": " ".join(judged_by)} if metric else {}
    evaluation = evaluate_samples(
        dataset,
        drawn.tokens,
        drawn.condition(dataset),
        metrics=metrics,
        repetitions=repetitions,
        seed=judge_seed,
        calls=drawn.calls,
        settings={name: value for name, value in drawn.settings.items() if name != "seconds"} | judged,
        sampling_seconds=drawn.seconds,
    )
    evaluation = dataclasses.replace(
        evaluation, estimates=(*evaluation.estimates, *extra), seconds=evaluation.seconds + seconds
    )
    apart = () if other is None else _differences(evaluation, other, dataset, metrics, repetitions, judge_seed)
    _write(out, evaluation, against, apart)


def _at_home(source: str) -> str:
    """The path with `~` expanded; an address as it is."""
    return source if "://" in source else str(expanded(Path(source)))


def _refuse(source: str, given: Sequence[str]) -> None:
    """Refuses the options that are for new samples, if any were given for a file."""
    if given:
        names = " and ".join("--" + name.replace("_", "-") for name in given)
        raise bad(names, f"{source}, whose samples are drawn already", "a checkpoint", "Leave them out.")


def _check_drawing(drawing: Mapping[str, Any]) -> None:
    """Refuses options of sampling that are wrong for every checkpoint, all at once, before anything is loaded."""
    mistakes = Mistakes()
    mistakes.of(lambda: guidance_of(drawing["guidance"], drawing["weight"], drawing["guidance_scale"]))
    mistakes.of(lambda: SAMPLERS.call(drawing["sampler"], typed=True))
    mistakes.of(lambda: Decoding(drawing["temperature"], drawing["top_k"], drawing["top_p"]))
    mistakes.of(lambda: device_of_workers(drawing["device"], drawing["ray"], drawing["gpus_per_task"]))
    Numbers.of(mistakes, **{each.name: drawing[each.name] for each in dataclasses.fields(Numbers)})
    mistakes.settle()


def _model(source: Path) -> Checkpoint:
    """The checkpoint to sample from."""
    if source.is_file():
        raise bad("samples or checkpoint", f"the file {source}", "FILE.npz, or the directory of a checkpoint")
    return checkpoints.load(source)


def _data_of_samples(drawn: Archive, data: str | None) -> Dataset:
    """Real data to compare the samples of a file with."""
    if data is None and drawn.settings.get("data", "") is None:
        remedy = "Add --data NAME, with the tokenizer and the classes of the model."
        raise bad("--data", "none", "real data to compare with, since a model of others does not tell its own", remedy)
    learnt = "" if data is not None else drawn.text("data")
    dataset = real_data(learnt, drawn.settings.get("data_digest"), data)
    return aligned(dataset, drawn.learnt) if drawn.learnt else dataset


def _write(out: Path, evaluation: Evaluation, against: str | None, apart: Sequence[Estimate]) -> None:
    """Writes the figures and, if there are others to compare with, their differences; prints the page."""
    out.mkdir(parents=True, exist_ok=True)
    page, program, words = out / "evaluation.md", out / "evaluation.json", evaluation.as_markdown()
    if against is not None:
        words += (
            f"\nThese samples minus those of {against}, in pairs of equal seeds:\n\n" + "\n".join(table(apart)) + "\n"
        )
        with replacing(out / "differences.json") as content:
            content.write_text(as_json({"estimates": [figure(each) for each in apart]}), encoding="utf-8")
    with replacing(page) as text, replacing(program) as content:
        text.write_text(words, encoding="utf-8")
        content.write_text(evaluation.as_json(), encoding="utf-8")
    print(words)
    print(f"{page}\n{program}")


def _differences(
    evaluation: Evaluation,
    other: Archive,
    dataset: Dataset,
    metrics: Sequence[Metric],
    repetitions: int,
    seed: int,
) -> tuple[Estimate, ...]:
    """Figures minus those of other samples, in pairs."""
    condition = other.condition(dataset)
    second = evaluate_samples(dataset, other.tokens, condition, metrics=metrics, repetitions=0, seed=seed)
    first = dataset.conditions[0]
    strata = condition[first.name].numpy() if first.n_classes else None
    return paired_differences(evaluation, second, strata=strata, repetitions=repetitions, seed=seed)


def _bits(loaded: Checkpoint, dataset: Dataset) -> Estimate:
    real = dataset.test
    return likelihood(loaded.model, loaded.process, real.tokens, dataset.condition(real)).estimate()


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether the user gave the option on the command line."""
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
