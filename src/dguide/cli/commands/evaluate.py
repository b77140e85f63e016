"""`dguide evaluate`: compares samples from a file, or new samples from a checkpoint, with real data."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer
from torch import Tensor

from ... import checkpoint as checkpoints
from ...checkpoint import Checkpoint
from ...data import CONDITIONS, Attribute, Dataset
from ...errors import bad
from ...evaluate import METRICS, Estimate, Evaluation, Metric, evaluate_samples, likelihood, paired_differences
from ...evaluate.evaluation import as_json, figure, table
from ...evaluate.samples import FEATURES, suited
from ...files import DAMAGED, read_npz, replacing
from ...samplers import SAMPLERS
from ..align_conditions import align_conditions, real_data
from ..names import OWN, guidance_of
from ..options import options
from ..output import check_directory
from .sample import sample

__all__ = ["evaluate"]

_COUNT = 1000
_FILE = "a file that `dguide sample` wrote, or a checkpoint"


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
    source: Path = typer.Argument(
        ..., metavar="SAMPLES.npz|CHECKPOINT", help="File from `dguide sample`, or a checkpoint to sample from."
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
    against: Path | None = typer.Option(
        None,
        metavar="OTHER.npz",
        help="Other samples of the same seed and conditions: adds the differences of the figures, pair by pair, and "
        "differences.json.",
    ),
    bits: bool = typer.Option(
        False, "--bits/--no-bits", help="Add the bits per token of held-out data; only with a CHECKPOINT."
    ),
    **drawing: Any,
) -> None:
    """Compare samples with real data: accuracy, distances, diversity, copies; other metrics for strings.

    Each figure has an interval, a number of samples, and the value for real held-out data. --against compares with
    other samples of the same seed. The options of
    `dguide sample` are for new samples from a CHECKPOINT only.
    """
    check_directory("--out", out)
    other = None if against is None else Drawn.read(against)
    metrics: Sequence[Metric] = [METRICS.read(name, typed=True) for name in metric]
    judged_by = [METRICS.write(each) for each in metrics]
    if len(set(judged_by)) < len(judged_by):
        raise bad("--metric", " and ".join(judged_by), "each metric once")
    if source.suffix != ".npz":  # mistakes in the options of sampling are reported before anything is loaded
        guidance_of(drawing["guidance"], drawing["weight"], drawing["guidance_scale"])
        SAMPLERS.call(drawing["sampler"], typed=True)
    if source.suffix != ".npz":
        if source.is_file():
            raise bad("samples or checkpoint", f"the file {source}", "FILE.npz, or the directory of a checkpoint")
        loaded = checkpoints.load(source)
        dataset = real_data(loaded.config.data, loaded.config.data_digest, data)
        loaded.codec.check_same(dataset.codec, dataset.name)
        dataset = _compared(dataset, loaded.conditions)
        metrics = suited(dataset, metrics, features, inception_weights)
        began = time.perf_counter()
        extra = [_bits(loaded, dataset)] if bits else []
        seconds = time.perf_counter() - began
        out.mkdir(parents=True, exist_ok=True)
        sample(checkpoint=source, out=out / "samples.npz", **drawing)
        drawn = Drawn.read(out / "samples.npz")
    else:
        given = [name for name in drawing if _is_given(context, name)] + (["bits"] if bits else [])
        if given:
            options = " and ".join("--" + name.replace("_", "-") for name in given)
            raise bad(options, f"{source}, whose samples are drawn already", "a checkpoint", "Leave them out.")
        drawn, extra, seconds = Drawn.read(source), [], 0.0
        dataset = real_data(drawn.text("data"), drawn.settings.get("data_digest"), data)
        if drawn.learnt:
            dataset = _compared(dataset, drawn.learnt)
        metrics = suited(dataset, metrics, features, inception_weights)
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
    out.mkdir(parents=True, exist_ok=True)
    page, program, words = out / "evaluation.md", out / "evaluation.json", evaluation.as_markdown()
    if other is not None:
        apart = _differences(evaluation, other, dataset, metrics, repetitions, judge_seed)
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
    other: Drawn,
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


@dataclass(frozen=True, eq=False)
class Drawn:
    """The contents of a file from `dguide sample`."""

    path: Path
    arrays: dict[str, Any]
    settings: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Drawn:
        """Reads a file. Raises `ValueError` if it is of another kind, or damaged."""
        if not path.is_file():
            raise bad(f"samples {path}", "no such file", _FILE)
        try:
            arrays = read_npz(path)
        except DAMAGED as error:
            raise bad(f"samples {path}", str(error), _FILE) from error
        if "settings" not in arrays:
            raise bad(f"samples {path}", "no settings", _FILE)
        try:
            settings = json.loads(str(arrays["settings"]))
        except json.JSONDecodeError as error:
            raise bad(f"samples {path}", f"settings that are no JSON ({error})", _FILE) from error
        kinds = {"tokens": "i", "calls": "i", "labels": "if"}  # labels are floats if they are numbers
        whole = all(name in arrays and arrays[name].dtype.kind in kind for name, kind in kinds.items())
        if not whole or not isinstance(settings, dict) or arrays["calls"].shape != (2,):
            raise bad(f"samples {path}", ", ".join(sorted(arrays)), "tokens, labels, calls and settings", _FILE)
        return cls(path, arrays, settings)

    @property
    def tokens(self) -> Tensor:
        """The samples, [N, L] int64."""
        return torch.as_tensor(self.arrays["tokens"]).long()

    @property
    def calls(self) -> tuple[int, int]:
        """Conditional and reference network calls per batch."""
        conditional, reference = self.arrays["calls"].tolist()
        return conditional, reference

    def condition(self, dataset: Dataset) -> dict[str, Tensor]:
        """The requested conditions, by name."""
        first = dataset.conditions[0].name
        given = {first: self.arrays["labels"]}
        given |= {each.name: self.arrays[each.name] for each in dataset.conditions[1:] if each.name in self.arrays}
        for each in dataset.conditions:
            if each.n_classes and each.name in given and given[each.name].dtype.kind != "i":
                expected = f"classes of {each.name}, which are whole numbers"
                raise bad(f"samples {self.path}", f"labels of kind {given[each.name].dtype}", expected)
        return {name: torch.as_tensor(values) for name, values in given.items()}

    def check_paired(self, other: Drawn) -> None:
        """Raises `ValueError` if the other samples have other conditions, another seed or other data."""
        for name in ("data", "data_digest", "seed"):
            if self.settings.get(name) != other.settings.get(name):
                got, expected = (f"{name} {file.settings.get(name)}" for file in (other, self))
                raise bad(f"samples {other.path}", got, expected, "Draw both sets with the same --seed.")
        known = {"tokens", "calls", "settings", "seconds"}
        conditions = {*self.arrays, *other.arrays} - known
        if self.tokens.shape != other.tokens.shape or not all(
            name in self.arrays and name in other.arrays and np.array_equal(self.arrays[name], other.arrays[name])
            for name in conditions
        ):
            raise bad(f"samples {other.path}", "other conditions or counts", f"those of {self.path}, sample by sample")

    @property
    def learnt(self) -> tuple[Attribute, ...]:
        """The conditions of the model; empty if the file lacks them. Raises `ValueError` if they are damaged."""
        described = self.settings.get("learnt", [])
        if not isinstance(described, list) or not all(isinstance(each, dict) for each in described):
            raise bad(f"samples {self.path}", f"learnt {described}", "a list of conditions", _FILE)
        return tuple(CONDITIONS.restore(each) for each in described)

    @property
    def seconds(self) -> float | None:
        """The time of sampling, if the file has it."""
        seconds = self.settings.get("seconds")
        return float(seconds) if isinstance(seconds, int | float) else None

    def text(self, name: str) -> str:
        """The setting `name`, which must be text."""
        if not isinstance(self.settings.get(name), str):
            raise bad(f"samples {self.path}", f"no {name} in the settings", _FILE)
        return str(self.settings[name])


def _compared(dataset: Dataset, learnt: Sequence[Attribute]) -> Dataset:
    """The data with the conditions of the model (`align_conditions`). Both must have the same first condition."""
    if dataset.conditions[0].name != learnt[0].name:
        raise bad(f"first condition of {dataset.name}", dataset.conditions[0].name, learnt[0].name)
    return align_conditions(dataset, learnt)


def _bits(loaded: Checkpoint, dataset: Dataset) -> Estimate:
    real = dataset.test
    return likelihood(loaded.model, loaded.process, real.tokens, dataset.condition(real)).estimate()


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether the user gave the option on the command line."""
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
