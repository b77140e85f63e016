"""What `dguide sample` writes beside its file, and how it names the weight."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import DIGITS, _save, save_strings, save_tiny

from dguide import Masked, Normalized, Simple
from dguide.cli.models import model_of
from dguide.cli.names import guidance_of, in_both_conventions, sampler_of
from dguide.cli.output import lines_of
from dguide.cli.sampling import files as sample_files
from dguide.cli.sampling.job import Job
from dguide.data import Label, Strings
from dguide.errors import InputError


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def run(run):
    """Runs `dguide sample` in two steps; returns its exit status and what it printed."""
    return lambda *arguments: run("sample", *arguments, "--steps", 2)


@pytest.mark.parametrize("suffix", [".png", ".txt"])
def test_files_beside_are_replaced_only_with_the_file_they_belong_to(run, model, tmp_path, suffix):
    source = model if suffix == ".png" else save_strings(tmp_path / "strings")
    mine, out = tmp_path / f"mine{suffix}", tmp_path / "mine.npz"
    mine.write_bytes(b"work of a year")
    status, _, err = run(source, "--out", out, "--count", 2)
    assert (status, err.count("\n")) == (2, 1)
    assert f"move {mine} away" in err
    assert mine.read_bytes() == b"work of a year"
    assert not out.exists()
    mine.unlink()
    for _ in range(2):
        assert run(source, "--out", out, "--count", 2)[0] == 0


@pytest.mark.parametrize(("word", "line"), [("\n", "\\n"), ("\r", "\\r"), ("\\", "\\\\")])
def test_each_string_is_one_line(run, tmp_path, word, line):
    """With line breaks in the alphabet; without any, lines are the strings themselves, as SMILES must be."""
    codec = Strings(("<begin>", "<end>", "<pad>", "\n", "\r", "\\"), 6)
    source = _save(tmp_path / "model", Masked(6), "strings", codec, (Label(("cat", "dog"), "kind"),))
    assert run(source, "--out", tmp_path / "x.npz", "--count", 40)[0] == 0
    lines = (tmp_path / "x.txt").read_bytes().decode().split("\n")
    with np.load(tmp_path / "x.npz") as file:
        texts = codec.decode(torch.as_tensor(file["tokens"]).long())
    assert len(lines) == 41
    assert sum(text.count(word) for text in texts) == sum(text.count(line) for text in lines)
    plain = Strings(("<begin>", "<end>", "<pad>", "\\"), 6)
    tokens = torch.tensor([plain.encode("\\\\")])
    assert lines_of(plain, tokens) == plain.decode(tokens) == ["\\\\"]


def test_images_of_full_size(run, model, tmp_path):
    folder = tmp_path / "each"
    options = ("--out", tmp_path / "x.npz", "--count", 3, "--first-index", 8, "--labels", "3,7", "--images", folder)
    status, out, _ = run(model, *options)
    assert status == 0
    assert out.endswith(f"{folder}\n")
    assert sorted(path.name for path in folder.iterdir()) == ["000008-3.png", "000009-7.png", "000010-3.png"]
    with np.load(tmp_path / "x.npz") as file:
        first = torch.as_tensor(file["tokens"][0]).long()
    drawn = np.asarray(Image.open(folder / "000008-3.png"))
    assert drawn.shape == (8, 8, 3)
    assert (drawn[..., 0] == (255 * (1 - DIGITS.codec.picture(first).double().numpy())).round()).all()
    status, _, err = run(model, *options)
    assert (status, err.count("\n")) == (2, 1)
    assert "new or an empty folder" in err


def test_images_of_hostile_names_stay_in_the_folder(run, tmp_path):
    conditions = (Label(("../up", "a/b", "c|\n$d")),)
    source = _save(tmp_path / "model", Masked(16), "mine", DIGITS.codec, conditions)
    options = ("--out", tmp_path / "x.npz", "--count", 3, "--images", tmp_path / "each")
    assert run(source, *options)[0] == 0
    names = [path.name for path in (tmp_path / "each").iterdir()]
    assert sorted(names) == ["000000-.._up.png", "000001-a_b.png", "000002-c_d.png"]


def test_a_title_with_a_dollar_is_drawn(run, model, tmp_path, monkeypatch):
    usual = sample_files._title
    monkeypatch.setattr(sample_files, "_title", lambda settings: usual(settings | {"sampler": "mine:path=$x"}))
    assert run(model, "--out", tmp_path / "x.npz", "--count", 2)[0] == 0
    assert (tmp_path / "x.png").exists()


def test_the_weight_in_both_conventions(run, model, tmp_path):
    made = []
    for options in (("--weight", 2), ("--guidance-scale", 3)):
        status, out, _ = run(model, "--out", tmp_path / "x.npz", "--count", 2, "--no-png", *options)
        assert status == 0
        assert "\nw = 2 (guidance scale 3)\n" in out
        with np.load(tmp_path / "x.npz") as file:
            made.append(file["tokens"])
    assert (made[0] == made[1]).all()
    assert (
        in_both_conventions(guidance_of("simple", "linear:2")) == "w = linear:2.0 (guidance scale 1 + w, 3 on average)"
    )
    for scale, told in ((-1, "at least 0"), ("nan", "at least 0")):
        status, _, err = run(model, "--out", tmp_path / "x.npz", "--guidance-scale", scale)
        assert (status, told in err, err.count("\n")) == (2, True, 1)
    status, _, err = run(model, "--out", tmp_path / "x.npz", "--guidance-scale", 3, "--weight", 2)
    assert (status, "one of the two" in err) == (2, True)


def test_a_mechanism_from_the_scale_of_other_libraries():
    assert Normalized.from_scale(7.5).weight == Normalized(6.5).weight
    assert isinstance(Simple.from_scale(1), Simple)
    for wrong in (-0.1, float("nan"), "3"):
        with pytest.raises(InputError, match="guidance scale"):
            Normalized.from_scale(wrong)


def test_memory_is_that_of_the_tokens_in_few_bytes(model, monkeypatch):
    """Of the samples that are drawn only 2 bytes a token stay, whatever their number; they are those of one call."""
    loaded, labels = model_of(str(model), torch.device("cpu")), torch.arange(4096) % 10
    network = loaded.network("float32", False)
    job = Job(loaded, Normalized(1.0), sampler_of("ancestral", 1), {"label": labels}, 10, first_index=5)
    monkeypatch.setattr("dguide.cli.sampling.job._BATCHES", 64)
    whole = job.draw(network, batch_size=64)
    monkeypatch.setattr("dguide.cli.sampling.job._BATCHES", 8)
    parts = job.draw(network, batch_size=64)
    assert (whole.tokens == parts.tokens).all()
    assert (whole.calls, whole.forced.tolist()) == (parts.calls, parts.forced.tolist())
    assert parts.tokens.dtype == torch.int16
    assert parts.tokens.untyped_storage().nbytes() == 2 * 64 * 4096
