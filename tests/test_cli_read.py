from __future__ import annotations

import csv
import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from tiny import DIGITS, save_strings, save_tiny

from dguide import checkpoint
from dguide.cli.commands import read as command
from dguide.errors import MissingExtra
from dguide.evaluate import LearntFeatures, Reading, hypotheses, read
from dguide.evaluate.reading.verdict import verdict
from dguide.plots.reading import calibration_figure, detection_figure


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


def claimed(labels, sure, seed=0):
    """A reading that is right with probability 0.8, of nats that are `sure` times what they should be."""
    source = torch.Generator().manual_seed(seed)
    named = torch.where(torch.rand(len(labels), generator=source) < 0.8, labels, (labels + 1) % 3)
    nats = torch.full((len(labels), 3), sure * np.log(8.0), dtype=torch.float64)
    nats[torch.arange(len(labels)), named] = 0
    return Reading(nats, torch.full((3,), 1 / 3, dtype=torch.float64).log(), torch.zeros(len(labels)), 4)


def halves(labels):
    """Each second sequence of each class is of the test part."""
    turn = torch.zeros_like(labels)
    for label in labels.unique():
        turn[labels == label] = torch.arange(int((labels == label).sum()))
    return turn % 2 == 1


def test_folder_holds_what_the_library_reads(run, model, tmp_path):
    out = tmp_path / "new" / "folder"
    options = ["--passes", 2, "--limit", 80, "--normal", 3, "--repetitions", 5, "--seed", 7, "--prior", "equal"]
    options += ["--classifiers", "none"]
    status, printed, err = run("read", model, "--out", out, *options, "--device", "cpu")
    assert status == 0, err
    few = round(80 * len(DIGITS.validation) / (len(DIGITS.validation) + len(DIGITS.test)))
    split, loaded = DIGITS.validation.some(few, 7).joined(DIGITS.test.some(80 - few, 7)), checkpoint.load(model)
    reported = torch.arange(80) >= few
    told = hypotheses(loaded.conditions, 80)
    expected = read(loaded.model, loaded.process, split.tokens, told, passes=2, seed=7)
    judged = verdict(expected, split.labels, reported, DIGITS.class_names, normal=3, repetitions=5, seed=7)
    assert (out / "reading.json").read_text() == judged.as_json()
    assert (out / "reading.csv").read_text() == judged.as_csv()
    assert judged.as_markdown() in (out / "reading.md").read_text()
    assert (out / "reading.md").read_text() in printed
    assert "1,600 forward passes" in printed
    assert f"{80 - few} test sequences and {few} validation sequences of digits" in printed
    with (out / "reading.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["class"] for row in rows] == [str(label) for label in split.labels.tolist()]
    assert [row["part"] for row in rows] == ["validation"] * few + ["test"] * (80 - few)
    names = sorted(path.name for path in out.iterdir())
    assert names == ["alarms.png", "calibration.png", "confusion.png", "reading.csv", "reading.json", "reading.md"]
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in names[:3])


def test_prior_is_that_of_the_training_data_unless_said_otherwise(run, model, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(command, "read_sequences", lambda *_, prior, **__: given.append(prior) or 1 / 0)
    for options in ([], ["--prior", "equal"]):
        assert run("read", model, "--out", tmp_path / "x", *options)[0] == 1
    assert given[0].tolist() == (torch.bincount(DIGITS.train.labels) + 1).tolist()
    assert given[1] is None


def test_no_figures_of_defects_without_a_normal_class(run, model, tmp_path):
    options = ["--passes", 1, "--limit", 30, "--repetitions", 0, "--classifiers", "none"]
    assert run("read", model, "--out", tmp_path, *options)[0] == 0
    assert not (tmp_path / "alarms.png").exists()
    assert json.loads((tmp_path / "reading.json").read_text())["alarms"] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data", "digit"], "unknown data set: got 'digit'"),
        (["--data", "mnist:side=14,levels=4"], "tokens of mnist:side=14,levels=4: got Pixels, 196 tokens of 4"),
        (["--condition", "colour"], "unknown condition: got 'colour'"),
        (["--normal", "12"], "labels of label: got ['12']"),
        (["--normal", "1,2"], "--normal: got '1,2', expected one class"),
        (["--classifiers", "forest"], "unknown classifiers: got 'forest', expected one of none, standard"),
        (["--prior", "flat"], "unknown prior: got 'flat', expected one of equal, training"),
        (["--passes", "0"], "--passes"),
        (["--limit", "1"], "--limit"),
        (["--device", "gpu9"], "device"),
    ],
)
def test_bad_input_is_refused_before_any_work(run, model, tmp_path, monkeypatch, options, words):
    monkeypatch.setattr(command, "read_sequences", lambda *_, **__: pytest.fail("the work began"))
    status, out, err = run("read", model, "--out", tmp_path / "out", *options)
    assert (status, out) == (2, "")
    assert words in err
    assert not (tmp_path / "out").exists()


def test_standard_classifiers_learn_the_training_part_and_the_page_says_which_to_use(run, model, tmp_path, monkeypatch):
    """The model has random weights, so that reading with it is no better than chance."""
    fit = LearntFeatures.fit.__func__
    monkeypatch.setattr(LearntFeatures, "fit", classmethod(lambda cls, data, *, seed: fit(cls, data, seen=3200)))
    status, printed, err = run("read", model, "--out", tmp_path, "--passes", 1, "--repetitions", 2, "--normal", 3)
    assert status == 0, err
    found = json.loads((tmp_path / "reading.json").read_text())
    assert found["recommended"] in ("random forest", "small network")
    assert f"**Use the {found['recommended']}, not the reading**: its area under the ROC curve" in printed
    of = {each["name"]: {one["name"]: one for one in each["estimates"]} for each in found["classifiers"]}
    assert list(of) == ["random forest", "small network"]
    assert all(each["accuracy"]["low"] > 0.8 > 0 > each["difference in accuracy"]["high"] for each in of.values())
    with (tmp_path / "reading.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["part"] == "test"]
    for name, each in of.items():
        right = sum(row[name] == row["class"] for row in rows) / len(rows)
        assert right == pytest.approx(each["accuracy"]["value"])


def test_other_data_must_mean_the_same(run, tmp_path):
    model = save_strings(tmp_path / "strings")
    for kinds, letters, words in (
        ("cat dog", "abc", ""),
        ("cat ape", "abc", "expected kind (cat, dog)"),
        ("cat dog", "abd", "each with the meaning that the model learnt"),
    ):
        path = tmp_path / f"{kinds[-3:]}{letters}.csv"
        words_of_four = ["".join(letters[n // 3**k % 3] for k in range(4)) for n in range(30)]
        rows = [f"{word},{kinds.split()[n % 2]},{n}\n" for n, word in enumerate(words_of_four)]
        path.write_text("text,kind,mass\n" + "".join(rows))
        data = f"csv:{path},text=text,label=kind,property=mass"
        for command_line in (
            ["read", model, "--passes", 1, "--classifiers", "none"],
            ["evaluate", model, "--count", 8, "--steps", 2],
        ):
            status, _, err = run(*command_line, "--data", data, "--out", tmp_path / "out", "--repetitions", 2)
            assert status == (2 if words else 0), err
            assert words in err
    data = data.replace("abd.csv", "abc.csv")
    status, _, err = run("read", model, "--data", data, "--out", tmp_path / "out", "--condition", "mass")
    assert (status, "condition mass: got a number" in err) == (2, True)


def test_verdict_tempers_what_claims_too_much():
    labels = torch.arange(6000) % 3
    boast = verdict(claimed(labels, 5.0), labels, halves(labels), ("a", "b", "c"), repetitions=0)
    found = {(each.name, each.note.rpartition("; ")[2]): each.value for each in boast.estimates}
    assert boast.reading.temperature == boast.temperature.value == pytest.approx(5.0, rel=0.1)
    assert boast.temperature.low < 5 < boast.temperature.high
    assert found["calibration error", "tempered"] < 0.03 < 0.15 < found["calibration error", "as read"]
    assert found["log loss", "tempered"] < found["log loss", "as read"]
    assert found["accuracy", "4 passes"] == pytest.approx(0.8, abs=0.02)
    assert boast.tempers
    assert "**Use the probabilities tempered**" in boast.as_markdown()
    first = next(csv.DictReader(boast.as_csv().splitlines()))
    assert float(first["p(a)"]) == pytest.approx(float(boast.reading.log_probs[0, 0].exp()), rel=1e-4)


def test_what_is_fitted_does_not_see_the_test_part_and_what_is_reported_is_of_the_test_part_alone():
    """The test part has other accuracy, temperature and scores than the validation part."""
    labels = torch.arange(2400) % 3
    reported = halves(labels)
    reading = claimed(labels, 3.0)
    shuffled = labels.clone()
    shuffled[reported] = labels[reported][torch.randperm(1200, generator=torch.Generator().manual_seed(1))]
    usual, other = (
        verdict(reading, truth, reported, ("a", "b", "c"), normal=0, repetitions=0) for truth in (labels, shuffled)
    )
    assert usual.temperature == other.temperature
    thresholds = [[p.cost.threshold for a in each.alarms for p in a.points] for each in (usual, other)]
    assert thresholds[0] == thresholds[1]
    assert other.estimates[0].value == pytest.approx(1 / 3, abs=0.06)
    assert other.confusion.sum() == other.estimates[0].count == 1200
    assert {each.count for each in usual.estimates} == {1200}


@pytest.mark.parametrize("sure", [0.3, 1.0, 3.0])
def test_a_tempered_figure_is_advised_only_where_the_test_part_shows_that_it_is_better(sure):
    """The fit is to 120 sequences. Of the 100 verdicts few advise what is worse on 20,000 others."""
    many = torch.arange(20_000) % 3
    source, advised, worse = claimed(many, sure, seed=999), 0, 0
    loss = lambda one: -float(one.log_probs.gather(-1, many[:, None]).mean())  # noqa: E731
    for seed in range(100):
        labels = torch.arange(240) % 3
        judged = verdict(claimed(labels, sure, seed), labels, halves(labels), ("a", "b", "c"), repetitions=0)
        advised += judged.tempers
        worse += judged.tempers and loss(source.tempered(judged.temperature.value)) > loss(source)
        assert ("Use the probabilities tempered" in judged.as_markdown()) == judged.tempers
    assert worse <= 6
    assert sure == 1 or advised > 50


def test_few_mistakes_give_no_temperature_and_no_bound_of_the_loss_and_are_told():
    labels = torch.arange(60) % 3
    nats = torch.full((60, 3), 1e6, dtype=torch.float64)
    nats[torch.arange(60), labels] = 0
    flat = torch.full((3,), 1 / 3, dtype=torch.float64).log()
    sure = verdict(Reading(nats, flat, torch.zeros(60), 4), labels, halves(labels), ("a", "b", "c"), repetitions=50)
    page = sure.as_markdown()
    assert "**No temperature**: 0 of 30 validation sequences are misread, and a fit takes at least 5." in page
    assert "| log loss | 0 | 0 to inf |" in page
    assert "no upper end with fewer than 10 misread" in page
    assert "; tempered |" not in page
    assert "-0 " not in page
    assert json.loads(sure.as_json())["temperature"] is None
    assert json.loads(sure.as_json())["use"] == "as read"
    labels = torch.arange(600) % 3
    some = verdict(claimed(labels, 5.0), labels, halves(labels), ("a", "b", "c"), repetitions=2).as_markdown()
    assert "No temperature" not in some
    assert "to inf" not in some


@pytest.mark.parametrize("normal", [None, 0])
def test_without_what_a_fit_takes_all_else_is_reported(normal):
    labels = torch.arange(90) % 3
    everything = torch.ones(90, dtype=torch.bool)
    page = verdict(claimed(labels, 2.0), labels, everything, ("a", "b", "c"), normal=normal).as_markdown()
    assert "**No temperature**: there is no validation part. Use the probabilities as read." in page
    assert "| accuracy |" in page
    assert ("**No thresholds**" in page) == (normal is not None) == ("| area under the ROC curve |" in page)
    good = verdict(claimed(labels, 2.0), labels, labels != 1, ("a", "b", "c"), normal=normal)
    assert ("**No thresholds**" in good.as_markdown()) == (normal is not None)
    assert good.temperature.count == 30
    if normal is not None:
        detection_figure(good, "none")
    calibration_figure(good, "none")


def test_confusion_counts_and_markdown_name_the_worst():
    labels = torch.arange(300) % 3
    judged = verdict(claimed(labels, 1.0), labels, halves(labels), ("a", "b", "c"), normal=0, repetitions=0)
    confusion = judged.confusion
    assert confusion.sum(1).tolist() == [50, 50, 50]
    assert (np.diag(confusion) + np.roll(confusion, -1, 1).diagonal()).tolist() == [50, 50, 50]
    page = judged.as_markdown()
    assert f" | b ({confusion[0, 1]}) |" in page
    assert "odds of known defects | at most 5% false alarms" in page


def test_verdict_needs_a_test_part_of_both_kinds():
    labels, names = torch.arange(60) % 3, ("a", "b", "c")
    reading, nothing = claimed(labels, 1.0), torch.zeros(60, dtype=torch.bool)
    for reported, normal, words in (
        (nothing, None, "sequences of the test part: got 0"),
        (labels == 0, 0, "in the test part: got 20 and 0, expected both kinds"),
        (labels != 0, 0, "in the test part: got 0 and 40, expected both kinds"),
        (nothing[:-1], None, "expected [60] bool"),
        (labels, None, "expected [60] bool"),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            verdict(reading, labels, reported, names, normal=normal)
    with pytest.raises(ValueError, match="labels"):
        verdict(reading, labels[:-1], halves(labels[:-1]), names)


@pytest.mark.parametrize("limit", [2, 3, 10, 77, 500, 538, 539, 10_000])
def test_a_limit_takes_both_parts_in_proportion(limit):
    split, reported = command._both_parts(DIGITS, limit, 3)
    sizes = len(DIGITS.validation), len(DIGITS.test)
    assert len(split) == len(reported) == min(limit, sum(sizes))
    assert abs(int((~reported).sum()) - len(split) * sizes[0] / sum(sizes)) <= 1
    assert 0 < int(reported.sum()) < len(split)
    for part, rows in ((DIGITS.validation, ~reported), (DIGITS.test, reported)):
        known = {row.tobytes() for row in part.tokens.numpy()}
        assert {row.tobytes() for row in split.tokens[rows].numpy()} <= known


def test_classes_are_those_that_were_read_whatever_the_temperature():
    """With a prior so unequal that a temperature makes its favourite the most probable one everywhere."""
    source = torch.Generator().manual_seed(0)
    prior = torch.tensor([0.85, 0.05, 0.05, 0.05], dtype=torch.float64)
    labels = torch.arange(400) % 4
    named = torch.where(torch.rand(400, generator=source) < 0.8, labels, (labels + 1) % 4)
    nats = torch.full((400, 4), 30.0, dtype=torch.float64)
    nats[torch.arange(400), named] = 0
    read = Reading(nats, prior.log(), torch.full((400,), 2.0, dtype=torch.float64), 4)
    half = halves(labels)
    judged = verdict(read, labels, half, ("a", "b", "c", "d"), repetitions=0)
    assert judged.reading.temperature > 1.5
    hot = dataclasses.replace(judged, reading=read.tempered(14.5))
    assert (hot.reading.predicted != read.predicted).any()
    right = float((read.predicted == labels)[half].double().mean())
    for each in (judged, hot):
        assert each.estimates[0].value == right == np.diag(each.confusion).sum() / 200
        rows = list(csv.DictReader(each.as_csv().splitlines()))
        assert [row["read"] for row in rows] == ["abcd"[k] for k in read.predicted.tolist()]
        assert {row["error of log-odds"] for row in rows} == {"2"}
        best, second = read.log_probs.topk(2).values.unbind(-1)
        assert [float(row["log-odds"]) for row in rows] == pytest.approx((best - second).tolist(), rel=1e-3)
    told = {each.note: each.value for each in judged.estimates if each.name == "accuracy"}
    tempered = judged.reading.predicted
    assert told == {
        "4 passes": right,
        "tempered": float((tempered == labels)[half].double().mean()),
    }
    level = dataclasses.replace(read, log_prior=torch.zeros(4))
    equal = verdict(level, labels, half, ("a", "b", "c", "d"), repetitions=0)
    assert [each.note for each in equal.estimates if each.name == "accuracy"] == ["4 passes"]


def test_too_few_sequences_for_a_promise_are_said_to_be():
    labels = torch.arange(120) % 3
    judged = verdict(claimed(labels, 1.0), labels, halves(labels), ("a", "b", "c"), normal=0, repetitions=0)
    page, points = judged.as_markdown(), json.loads(judged.as_json())["alarms"][0]["points"]
    few = "too few to promise it, 20 sequences without a defect of 99 that it takes"
    assert f"at most 1% false alarms: {few} | on average | 0.000" in page
    assert "| at most 5% false alarms | on average |" in page
    assert '"With 95% confidence" is about this' in page
    assert [(point["kept"], point["how"], point["too few"], point["threshold"] is None) for point in points] == [
        ("at most 1% false alarms", "on average", few, True),
        ("at most 1% false alarms", "with 95% confidence", few.replace("99", "299"), True),
        ("at most 5% false alarms", "on average", "", False),
        ("at most 5% false alarms", "with 95% confidence", few.replace("99", "59"), True),
        ("at most 1% misses", "on average", few.replace("20", "40").replace("out", ""), True),
        (
            "at most 1% misses",
            "with 95% confidence",
            few.replace("20", "40").replace("out", "").replace("99", "299"),
            True,
        ),
    ]
    detection_figure(judged, "few")


def test_shuffled_labels_are_read_and_told_apart_by_chance():
    labels = torch.arange(1500) % 3
    shuffled = labels[torch.randperm(1500, generator=torch.Generator().manual_seed(1))]
    judged = verdict(claimed(labels, 3.0), shuffled, halves(labels), ("a", "b", "c"), normal=0, repetitions=100)
    assert judged.estimates[0].low < 1 / 3 < judged.estimates[0].high
    areas = [each for each in judged.estimates if each.name.startswith("area")]
    assert [each.note for each in areas] == ["odds of known defects", "novelty"]
    assert all(each.low < 0.5 < each.high for each in areas)


def test_what_can_be_checked_is_checked_before_the_passes(run, model, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "read_sequences", lambda *_, **__: pytest.fail("the work began"))
    status, _, err = run("read", model, "--out", tmp_path / "out", "--normal", 3, "--limit", 2)
    assert (status, "expected both kinds" in err) == (2, True)

    def missing(module, extra):
        raise MissingExtra(f"{module} is not installed: {extra}")

    monkeypatch.setattr(command, "require", missing)
    status, _, err = run("read", model, "--out", tmp_path / "out")
    assert (status, "matplotlib is not installed" in err) == (1, True)
