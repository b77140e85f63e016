"""Tokens of a picture do not depend on where it stands in a batch; what is saved is what is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_tokenizers import pictures, tiny
from torch import Tensor

from dguide.errors import InputError
from dguide.stored import digest
from dguide.tokenizers import About, Autoencoder, LearntTokenizer, load, save
from dguide.tokenizers.base import BATCH
from dguide.tokenizers.learnt import CONFIG, WEIGHTS


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [4, 8, 16])
def test_pictures_become_tokens_and_pictures(channels: int, factor: int) -> None:
    tokenizer = tiny(channels, factor, 32, 48)
    images = pictures(3, tokenizer)
    tokens = tokenizer.encode(images)
    assert tokenizer.grid == (32 // factor, 48 // factor)
    assert (tokens.dtype, tokens.shape) == (torch.int64, (3, tokenizer.length))
    assert tokens.min() >= 0
    assert tokens.max() < tokenizer.codes == 200
    assert len(tokens.unique()) > 3
    drawn = tokenizer.decode(tokens)
    assert (drawn.dtype, drawn.shape) == (torch.uint8, images.shape)
    assert torch.equal(tokenizer.decode(tokens[0]), drawn[0])
    assert torch.equal(tokenizer.decode(tokens.view(1, 3, -1)), drawn.unsqueeze(0))
    assert tokenizer.encode(images[:0]).shape == (0, tokenizer.length)
    assert tokenizer.decode(tokens[:0]).shape == images[:0].shape


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_has_the_same_tokens_in_any_batch_at_any_place_with_any_threads(channels: int) -> None:
    tokenizer = tiny(channels, 8, 64, 64)
    images = pictures(2 * BATCH + 3, tokenizer)
    whole, threads = tokenizer.encode(images), torch.get_num_threads()
    drawn = tokenizer.decode(whole)
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            assert torch.equal(tokenizer.encode(images), whole)
            assert torch.equal(tokenizer.decode(whole), drawn)
            assert torch.equal(tokenizer.encode(images.flip(0)).flip(0), whole)
            one_by_one = torch.cat([tokenizer.encode(image.unsqueeze(0)) for image in images[:5]])
            assert torch.equal(one_by_one, whole[:5])
            place = torch.cat([images[-1:]] * BATCH)
            assert torch.equal(tokenizer.encode(place), whole[-1:].expand(BATCH, -1))
    finally:
        torch.set_num_threads(threads)


def test_what_surrounds_a_call_changes_nothing() -> None:
    tokenizer = tiny()
    images = pictures(4, tokenizer)
    usual = tokenizer.encode(images)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(tokenizer.encode(images), usual)
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"):
        assert torch.equal(tokenizer.encode(images), usual)
    state = torch.random.get_rng_state()
    Autoencoder(1, (8, 8, 8))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_network_draws_better_after_a_few_steps() -> None:
    tokenizer = tiny(3, 4, 16, 16)
    network = Autoencoder(3, (8, 8, 8), 4, 16)
    images = pictures(16, tokenizer).permute(0, 3, 1, 2) / 127.5 - 1
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss = (network(images) - images).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert all(parameter.grad.abs().max() > 0 for parameter in network.parameters() if parameter.grad is not None)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (
            torch.zeros(2, 16, 24, 1),
            r"images: got torch.float32 .*expected torch.uint8 \[N, 16, 24, 1\]",
        ),
        (torch.zeros(2, 24, 16, 1, dtype=torch.uint8), r"got torch.uint8 \[2, 24, 16, 1\]"),
        (torch.zeros(16, 24, 1, dtype=torch.uint8), r"got torch.uint8 \[16, 24, 1\]"),
        ([1], "images: got list"),
    ],
)
def test_other_pictures_are_refused(images: Tensor, said: str) -> None:
    with pytest.raises(InputError, match=said):
        tiny().encode(images)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (torch.zeros(2, 23, dtype=torch.int64), r"tokens: got torch.int64 \[2, 23\], expected torch.int64 \[..., 24\]"),
        (torch.zeros(2, 24), "got torch.float32"),
        (torch.full((2, 24), 200), "got 200 to 200, expected codes from 0 to 199"),
        (torch.full((24,), -1), "got -1 to -1"),
        (torch.tensor(3), r"got torch.int64 \[\]"),
    ],
)
def test_other_tokens_are_refused(tokens: Tensor, said: str) -> None:
    with pytest.raises(InputError, match=said):
        tiny().decode(tokens)


def test_sizes_that_do_not_fit_are_refused() -> None:
    for said, make in (
        ("channels: got 2", lambda: Autoencoder(2, (8,))),
        ("factor: got 3, expected one of 4, 8, 16", lambda: Autoencoder(1, (8,), 3)),
        ("width: got 0", lambda: Autoencoder(1, (8,), 4, 0)),
        ("height of the pictures: got 18, expected a multiple of the factor 4", lambda: tiny(height=18)),
        ("width of the pictures: got 8192", lambda: tiny(width=8192)),
    ):
        with pytest.raises(InputError, match=said):
            make()


ABOUT = About(
    "images:x", "0" * 64, False, "dguide train-tokenizer --out x", 1, 7, {"psnr": 30.0}, {"psnr": 29.0}, "0.1"
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    tokenizer = tiny()
    save(tmp_path, LearntTokenizer(tokenizer.network, tokenizer.height, tokenizer.width, ABOUT))
    return tmp_path


def test_what_is_saved_is_loaded(saved: Path) -> None:
    tokenizer, found = tiny(), load(saved)
    assert isinstance(found, LearntTokenizer)
    assert found.about == ABOUT
    assert found.digest == tokenizer.digest
    assert len(found.digest) == 64
    images = pictures(5, tokenizer)
    assert torch.equal(found.encode(images), tokenizer.encode(images))
    assert sorted(file.name for file in saved.iterdir()) == [CONFIG, WEIGHTS]
    assert tiny(height=32).digest != tokenizer.digest
    assert tiny(channels=3).digest != tokenizer.digest


def changed(path: Path, **values: object) -> None:
    content = json.loads((path / CONFIG).read_text())
    content |= values
    (path / CONFIG).write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def network(path: Path, **values: object) -> None:
    changed(path, network=json.loads((path / CONFIG).read_text())["network"] | values)


def other_weights(path: Path) -> None:
    save_file({"x": torch.zeros(2)}, path / WEIGHTS)
    changed(path, sha256=digest(path / WEIGHTS))


def longer(path: Path) -> None:
    tensors = load_file(path / WEIGHTS)
    save_file(tensors | {"more": torch.zeros(1)}, path / WEIGHTS)
    changed(path, sha256=digest(path / WEIGHTS))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: (path / CONFIG).unlink(), f"a directory without {CONFIG}"),
        (lambda path: (path / WEIGHTS).unlink(), f"a directory without {WEIGHTS}"),
        (lambda path: (path / CONFIG).write_text("{"), "expected a JSON file"),
        (lambda path: changed(path, format="dguide-checkpoint-1"), "expected 'dguide-tokenizer-1'"),
        (lambda path: changed(path, height=None), "missing height"),
        (lambda path: changed(path, more=1), "unknown more"),
        (lambda path: changed(path, height="16"), "height '16'"),
        (lambda path: changed(path, height=10**9), "height of the pictures: got 1000000000"),
        (lambda path: changed(path, sha256="0" * 64), "with another SHA-256"),
        (lambda path: (path / WEIGHTS).write_bytes((path / WEIGHTS).read_bytes()[:-8]), "with another SHA-256"),
        (lambda path: network(path, width=10**9), "width of the network"),
        (lambda path: network(path, levels=[8] * 10**4), "levels of the network"),
        (lambda path: network(path, levels=[8, 5]), "as in the network in tokenizer.json"),
        (lambda path: network(path, factor="8"), "factor of the network"),
        (lambda path: network(path, depth=8), "arguments of Autoencoder"),
        (lambda path: network(path, factor=8), "as in the network"),
        (other_weights, "of the network"),
        (longer, "got more .1., expected nothing of that name"),
    ],
)
def test_damaged_folders_are_refused_before_memory_is_taken(
    saved: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(saved)
    with pytest.raises(InputError, match=said):
        load(saved)


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_kill_between_the_renames_leaves_the_old_or_the_new_tokenizer(
    saved: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    class Dead(Exception):
        pass

    rename, done = os.replace, list[Path]()

    def killed(source: Path, target: Path) -> None:
        if len(done) == renames:
            raise Dead
        done.append(target)
        rename(source, target)

    after = LearntTokenizer(Autoencoder(1, (8, 8), 4, 8), 16, 24)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(Dead):
            save(saved, after)
    expected = tiny() if renames < 2 else after
    assert load(saved).digest == expected.digest
    save(saved, after)
    assert load(saved).digest == after.digest
    assert sorted(file.name for file in saved.iterdir()) == [CONFIG, WEIGHTS]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such directory.*Pass the directory that dguide train-tokenizer wrote"):
        load(tmp_path / "none")
