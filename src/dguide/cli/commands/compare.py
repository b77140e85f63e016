"""`dguide compare`: which guidance is best for a model, with intervals, advice and figures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from ... import checkpoint as checkpoints
from ...checkpoint import Checkpoint
from ...errors import Mistakes, bad, choose
from ...evaluate import METRICS
from ...guidance import MECHANISMS
from ...nn import DTYPES
from ...pilot.compare import (
    SAMPLES,
    WEIGHTS,
    Judge,
    Question,
    answer,
    examine,
    examine_search,
    markdown,
    studied,
    tune,
    write,
    write_tuned,
)
from ...pilot.report import Language
from ...pilot.report.words import LANGUAGES
from ...progress import duration
from ...samplers import SAMPLERS
from ...study import CheckpointSource, Store, grid
from ..conditions_arg import read_conditions
from ..grids import SCHEDULES_TO_SEARCH, decodings_of, samplers_of, settings_of, shapes_of
from ..names import MODEL, OWN, metrics_of
from ..output import check_directory
from ..workers import EVERY_CORE, GPUS_PER_TASK, RAY, device_of_workers, executor_of, usual_jobs

__all__ = ["compare"]

_BUDGET = 30
"""Settings that a search tries by default."""


def compare(
    checkpoint: Path = typer.Argument(..., metavar="CHECKPOINT", help=MODEL),
    out: Path = typer.Option(
        Path("comparison"),
        metavar="DIRECTORY",
        help="Folder for samples, table and figures; created if missing. The same command goes on in it.",
    ),
    guidance: list[str] = typer.Option(
        ["normalized"],
        metavar="NAME",
        help=f"Mechanism, repeatable: {', '.join(MECHANISMS.names())}, or {OWN}.",
    ),
    weight: list[str] = typer.Option(
        [],
        metavar="NUMBER|SCHEDULE",
        help=f"Guidance weight w, repeatable, as in `dguide sample`. [default: {' '.join(WEIGHTS)}] With --tune, "
        "schedules whose mean weight is searched, and LOW..HIGH for this mean. "
        f"[default: {' '.join(SCHEDULES_TO_SEARCH)} 0..4]",
    ),
    sampler: list[str] = typer.Option(
        ["ancestral"],
        metavar="NAME[:OPTION=VALUE,...]",
        help=f"Sampler with its options, repeatable: {SAMPLERS.usage()}, or {OWN}.",
    ),
    steps: list[int] = typer.Option(
        [], metavar="NUMBER", help="Option steps of each sampler, repeatable. [default: 32, with --tune 16 and 32]"
    ),
    temperature: list[float] = typer.Option(
        [1.0], metavar="NUMBER", help="Temperature of the guided distribution, repeatable."
    ),
    top_k: int | None = typer.Option(
        None, metavar="NUMBER", help="Draw only from this number of most probable tokens. [default: all]"
    ),
    top_p: float | None = typer.Option(
        None, metavar="NUMBER", help="Draw only from the most probable tokens of this total probability. [default: all]"
    ),
    labels: str | None = typer.Option(
        None, metavar="0,1,...|all", help="Classes of the first condition, as in `dguide sample`. [default: all]"
    ),
    condition: list[str] = typer.Option(
        [], metavar="NAME=VALUE,...", help="Values of one of several conditions, as in `dguide sample`; repeatable."
    ),
    count: int = typer.Option(500, metavar="NUMBER", min=1, help="Samples of each setting and seed."),
    seeds: str = typer.Option(
        "0", metavar="0,1,...", help="Seeds; all settings have the same. More seeds, more samples."
    ),
    figure: str | None = typer.Option(
        None,
        metavar="NAME",
        help="Figure that decides, by the beginning of its name. [default: the distance to the data]",
    ),
    baseline: str | None = typer.Option(
        None,
        metavar="NAME",
        help="Setting that the others are compared with, as the table names it. [default: the first]",
    ),
    detect: float | None = typer.Option(
        None,
        metavar="NUMBER",
        help="Difference that would matter: says how many samples find it. [default: half of what would be found]",
    ),
    tuned: str | None = typer.Option(
        None,
        "--tune",
        metavar="NAME",
        help="Search for the setting that is best in this figure, and judge the winner again on fresh seeds.",
    ),
    budget: int | None = typer.Option(
        None,
        metavar="NUMBER",
        min=1,
        help="Settings that --tune tries; most are given up after few samples. [default: 30]",
    ),
    data: str | None = typer.Option(
        None, metavar="NAME", help="Real data to compare with. [default: the training data of the model]"
    ),
    metric: list[str] = typer.Option(
        [],
        metavar="NAME",
        help=f"Metric with its options, repeatable: {METRICS.usage()}, or {OWN}. [default: all that suit the data]",
    ),
    repetitions: int = typer.Option(200, metavar="NUMBER", min=0, help="Random halves for each interval; 0 for none."),
    judge_seed: int = typer.Option(
        0, metavar="NUMBER", min=0, help="Seed of the classifier, the choice of real data and the intervals."
    ),
    batch_size: int = typer.Option(256, metavar="NUMBER", min=1, help="Samples in one pass through the network."),
    device: str = typer.Option("auto", metavar="NAME", help="auto (an accelerator if there is one), cpu, cuda, ..."),
    dtype: str = typer.Option("float32", metavar="NAME", help=f"Precision of the network: {', '.join(DTYPES)}."),
    language: str = typer.Option("en", metavar="en|ja", help="Language of the report, compare.html."),
    jobs: int | None = EVERY_CORE,
    ray: str | None = RAY,
    gpus_per_task: float = GPUS_PER_TASK,
) -> None:
    """Compare settings of guidance for a model.

    Which one is best, by how much, and at what cost? All settings are drawn from the same random numbers and compared
    in pairs. One figure decides. Its differences from the baseline, the first setting, have intervals that hold
    together with 95 %. What is known so far is printed as each setting is done. The folder gets a report
    (compare.html), the table (compare.md, .parquet, .csv, .json), figures, and the samples. After an interruption the
    same command goes on.

    --tune searches mechanism, schedule, mean weight and steps with Optuna, in tuning.journal.
    """
    began, mistakes, searches = time.perf_counter(), Mistakes(), tuned is not None
    _exclusive(mistakes, tuned, budget, figure, temperature)
    mistakes.of(lambda: choose("language", language, LANGUAGES))
    spoken: Language = "ja" if language == "ja" else "en"
    where = mistakes.of(lambda: device_of_workers(device, ray, gpus_per_task))
    usual = None if where is None else usual_jobs(where)
    executor = mistakes.of(lambda: executor_of(jobs, ray, gpus_per_task, usual))
    mistakes.of(lambda: check_directory("--out", out))
    loaded = mistakes.of(lambda: checkpoints.load(checkpoint))
    shape = None if loaded is None else loaded.codec.shape
    chosen = samplers_of(sampler, steps or ([16, 32] if searches else []), shape, mistakes)
    decodings = decodings_of(temperature, top_k, top_p, mistakes)
    shapes = shapes_of(guidance, weight, chosen, decodings, mistakes) if searches else None
    settings = settings_of(guidance, ["0"] if searches else weight or WEIGHTS, chosen, decodings, mistakes)
    numbers = mistakes.of(lambda: _numbers(seeds))
    judge = _judge(loaded, data, metric, repetitions, judge_seed, mistakes)
    source = mistakes.of(lambda: CheckpointSource.of(checkpoint, where or "cpu", dtype))
    if loaded is None:
        mistakes.settle()
    assert loaded is not None
    told = mistakes.of(lambda: read_conditions(loaded.conditions, labels, condition))
    # A part that is wrong gives way to one that any model takes, so that the mistakes of the others are found too.
    study = studied(
        mistakes,
        source or CheckpointSource.of(checkpoint),
        settings or grid(weights=("0", "1"), samplers=chosen or ["ancestral"]),
        numbers or (0,),
        count,
        told or {each.name: each.not_given for each in loaded.conditions},
        batch_size,
    )
    asked = (figure or tuned, baseline if settings else None, detect)
    if searches:
        examine_search(mistakes, study, judge, shapes, *asked)
    else:
        examine(mistakes, study, judge, *asked)
        if study is not None and settings:
            mistakes.of(lambda: Store(out / SAMPLES).check_claim(study.digest, study.words))
    mistakes.settle()
    assert study is not None
    assert judge is not None
    question = Question(study, judge, figure or tuned, baseline, detect)
    _say(f"Judging by {judge.data}. The judge learns first, then samples are drawn.")
    work: dict[str, Any] = {"executor": executor, "codec": loaded.codec, "tell": _say}
    if shapes is not None:
        found = tune(question, shapes, budget=budget or _BUDGET, folder=out, **work)
        paths = [*write_tuned(found, out), *([] if found.fresh is None else write(found.fresh, out, spoken))]
        words = found.advice(spoken)
    else:
        compared = answer(question, Store(out / SAMPLES), **work)
        paths, words = write(compared, out, spoken), markdown(compared)
    print(f"\n{words}\n{duration(time.perf_counter() - began)}")
    print("\n".join(map(str, paths)))
    if shapes is None:  # the tables are long: what to do stands last, where it is seen
        print(f"\n{compared.advice()}\nReport: {paths[0]}")


def _exclusive(
    mistakes: Mistakes,
    tuned: str | None,
    budget: int | None,
    figure: str | None,
    temperatures: Sequence[float],
) -> None:
    """Keeps options that do not go together."""
    if tuned is None and budget is not None:
        mistakes.add(bad("--budget", f"{budget} without --tune", "both, or none of them"))
    if tuned is not None and figure is not None:
        mistakes.add(bad("--figure", f"{figure} beside --tune {tuned}", "one of the two", "--tune names the figure."))
    if tuned is not None and len(temperatures) > 1:
        mistakes.add(bad("--temperature", f"{len(temperatures)} of them beside --tune", "one for all settings"))


def _numbers(seeds: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in seeds.split(","))
    except ValueError:
        raise bad("--seeds", repr(seeds), "whole numbers with commas between them, as in 0,1,2") from None


def _judge(
    loaded: Checkpoint | None, data: str | None, metric: Sequence[str], repetitions: int, seed: int, mistakes: Mistakes
) -> Judge | None:
    """Who judges samples of the model; None if there are mistakes, which are kept."""
    metrics = mistakes.of(lambda: metrics_of(metric)[0])
    if loaded is None:
        return None
    dataset = mistakes.of(lambda: loaded.real_data(data))
    if dataset is None and data is not None:  # those of the model, so that what is asked of them is checked too
        dataset = mistakes.of(loaded.real_data)
    if metrics is None or dataset is None:
        return None
    return mistakes.of(lambda: Judge.of(dataset, metrics, repetitions, seed))


def _say(text: str) -> None:
    print(text, flush=True)
