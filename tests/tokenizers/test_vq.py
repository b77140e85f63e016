"""Tokenizers of diffusers: tokens and pictures are those of diffusers itself, and folders work wherever ours do."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from dguide import checkpoint, tokenizers
from dguide.data import Learnt, load
from dguide.errors import InputError, MissingExtra
from dguide.tokenizers.vq import CONFIG, WEIGHTS

try:
    import diffusers
except ImportError:
    diffusers = None
needs_diffusers = pytest.mark.skipif(diffusers is None, reason="the extra diffusers is not installed")

Run = Callable[..., tuple[int, str, str]]
SIDES = (16, 24)
CODES = "quantize.embedding.weight"
SMALL = {
    "block_out_channels": (8, 16),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "norm_num_groups": 4,
    "latent_channels": 4,
    "num_vq_embeddings": 16,
    "sample_size": SIDES,
}


def saved(folder: Path, channels: int = 3, **options: Any) -> Any:
    """A small `VQModel` with random weights, in a folder. Its codes are spread over what its encoder gives."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = diffusers.VQModel(**SMALL | {"in_channels": channels, "out_channels": channels} | options).eval()
        torch.nn.init.normal_(network.quantize.embedding.weight)
    with torch.no_grad():
        network.quant_conv.weight.mul_(3)
    network.save_pretrained(folder)
    return network


def pictures(count: int, channels: int = 3) -> torch.Tensor:
    """Coarse random pictures, [N, H, W, C] uint8."""
    coarse = torch.randint(0, 256, (count, 4, 6, channels), generator=torch.Generator().manual_seed(0))
    return coarse.repeat_interleave(4, 1).repeat_interleave(4, 2).to(torch.uint8)


@needs_diffusers
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm_type": "spatial", "lookup_from_codebook": True, "block_out_channels": (32, 32)},
        {"lookup_from_codebook": True, "vq_embed_dim": 3, "mid_block_add_attention": False},
    ],
    ids=["plain", "spatial", "lookup"],
)
def test_tokens_and_pictures_are_those_of_diffusers(tmp_path: Path, channels: int, options: dict[str, Any]) -> None:
    network, tokenizer = saved(tmp_path, channels, **options), tokenizers.load(tmp_path)
    assert (tokenizer.grid, tokenizer.codes, tokenizer.length) == ((8, 12), 16, 96)
    images = pictures(5, channels)
    with torch.no_grad():
        latents = network.encode(images.permute(0, 3, 1, 2) / 127.5 - 1).latents
        expected = network.quantize(latents)[2][2]
        drawn = network.decode(latents, force_not_quantize=False).sample
    tokens = tokenizer.encode(images)
    assert torch.equal(tokens, expected.reshape(5, -1))
    assert tokens.unique().numel() > 4
    difference = tokenizer.decode(tokens).int() - ((drawn + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1).round()
    assert difference.abs().max() <= 1  # diffusers decodes z + (e - z) in place of the code e


@needs_diffusers
def test_a_picture_has_the_same_tokens_in_any_batch_with_any_threads(tmp_path: Path) -> None:
    """The nearest codes, the lowest of equal ones, also where all are far from zero: differences are small then."""
    network = saved(tmp_path)
    codes = network.quantize.embedding.weight
    with torch.no_grad():
        codes.add_(1000)
        codes[8:] = codes[:8]
        network.quant_conv.bias.add_(1000)
    network.save_pretrained(tmp_path)
    tokenizer, images, threads = tokenizers.load(tmp_path), pictures(40), torch.get_num_threads()
    tokens = tokenizer.encode(images)
    with torch.no_grad():
        latents = network.encode(images[:16].permute(0, 3, 1, 2) / 127.5 - 1).latents.permute(0, 2, 3, 1)
    distances = (latents.flatten(1, 2).unsqueeze(2).double() - codes.double()).square().sum(3)
    assert torch.equal(tokens[:16], distances.argmin(2))
    assert 4 < len(tokens.unique()) <= 8
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            for order in (torch.arange(40).flip(0), torch.arange(40).roll(7), torch.full((16,), 3)):
                assert torch.equal(tokenizer.encode(images[order]), tokens[order])
            assert torch.equal(torch.cat([tokenizer.encode(image[None]) for image in images[:5]]), tokens[:5])
    finally:
        torch.set_num_threads(threads)


@needs_diffusers
def test_the_folder_goes_all_the_way(tmp_path: Path, run: Run) -> None:
    """Data, training, samples as pictures, a model that is moved, and the commands about tokenizers."""
    folder = tmp_path / "vq"
    saved(folder)
    for number, picture in enumerate(pictures(60)):
        (tmp_path / "images" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.numpy()).save(tmp_path / "images" / "ab"[number % 2] / f"{number}.png")
    data = f"images:{tmp_path / 'images'},tokenizer={folder}"
    codec = load(data).codec
    assert isinstance(codec, Learnt)
    assert codec.digest == tokenizers.load(folder).digest
    model, network = tmp_path / "m", ("--width", 8, "--layers", 1, "--heads", 2, "--batch-size", 8)
    assert run("train", "--data", data, "--out", model, "--steps", 2, *network)[0] == 0
    assert sorted(file.name for file in (model / "tokenizer").iterdir()) == [CONFIG, WEIGHTS]
    status, out, _ = run("info", folder)
    assert status == 0
    assert "8 x 12 of 16 codes, one for 2 x 2 pixels" in out
    told = json.loads(run("info", folder, "--json")[1])
    assert (told["height"], told["digest"], told["network"]["num_vq_embeddings"]) == (16, codec.digest, 16)
    pixels = f"images:{tmp_path / 'images'},size=16x24"
    assert run("check-tokenizer", folder, "--data", pixels, "--out", tmp_path / "c", "--repetitions", 0)[0] == 0
    tokenizer = tokenizers.load(folder)
    shutil.rmtree(folder)
    model.rename(tmp_path / "moved")
    sampled = ("--out", tmp_path / "s.npz", "--count", 3, "--steps", 2, "--images", tmp_path / "full")
    assert run("sample", tmp_path / "moved", *sampled)[0] == 0
    expected = tokenizer.decode(torch.from_numpy(np.load(tmp_path / "s.npz")["tokens"]).long())
    drawn = [np.asarray(Image.open(file)) for file in sorted((tmp_path / "full").iterdir())]
    assert (np.stack(drawn) == expected.numpy()).all()
    saved(tmp_path / "other", layers_per_block=2)
    shutil.rmtree(tmp_path / "moved" / "tokenizer")
    shutil.copytree(tmp_path / "other", tmp_path / "moved" / "tokenizer")
    with pytest.raises(InputError, match=r"expected .*the one that made the tokens"):
        checkpoint.load(tmp_path / "moved")


def rewrite(folder: Path, **values: Any) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def retensor(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Changes the tensors of the weights."""
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def old_names(tensors: dict[str, torch.Tensor]) -> None:
    """Gives the layers of attention the names that they had before diffusers 0.18."""
    new = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    for name in [*tensors]:
        for after, before in new.items():
            if after in name:
                tensors[name.replace(after, before)] = tensors.pop(name)


@needs_diffusers
def test_weights_of_older_versions_and_in_half_precision_are_read(tmp_path: Path) -> None:
    saved(tmp_path)
    usual = tokenizers.load(tmp_path)
    retensor(tmp_path, old_names)
    assert any(".query." in name for name in load_file(tmp_path / WEIGHTS))
    images = pictures(4)
    older = tokenizers.load(tmp_path)
    assert torch.equal(older.encode(images), usual.encode(images))
    assert older.digest != usual.digest
    retensor(tmp_path, lambda tensors: tensors.update({name: each.half() for name, each in tensors.items()}))
    assert {each.dtype for each in tokenizers.load(tmp_path).network.parameters()} == {torch.float32}


@needs_diffusers
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda folder: rewrite(folder, _class_name="AutoencoderKL"),
            r"_class_name.*'AutoencoderKL', expected 'VQModel'",
        ),
        (lambda folder: (folder / CONFIG).write_text("{"), "expected a JSON file"),
        (lambda folder: (folder / WEIGHTS).unlink(), "no such file, expected a safetensors file"),
        (lambda folder: (folder / WEIGHTS).rename(folder / "a.bin"), "only a.bin, a pickle.*VQModel.save_pretrained"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"12345678"), "expected a safetensors file"),
        (lambda folder: rewrite(folder, num_vq_embeddings=17), "numbers, expected .*as in the network in config.json"),
        (lambda folder: rewrite(folder, block_out_channels=[16, 32]), "numbers, expected"),
        (lambda folder: retensor(folder, lambda x: x.update(a=x.pop(CODES))), f"none that fit {CODES}"),
        (
            lambda folder: retensor(folder, lambda x: x.update({CODES: x[CODES].T.contiguous()})),
            f"none that fit .*{CODES}",
        ),
        (lambda folder: rewrite(folder, act_fn="none"), "network in .*expected arguments of VQModel"),
        (lambda folder: rewrite(folder, latent_channels=-1), "network in .*expected arguments of VQModel"),
        (lambda folder: rewrite(folder, sample_size=17), "sample_size.*17, expected a multiple of the factor 2"),
        (lambda folder: rewrite(folder, sample_size="large"), "sample_size: got 'large'"),
        (
            lambda folder: saved(folder, norm_type="spatial", vq_embed_dim=3, block_out_channels=(32, 32)),
            "vq_embed_dim of the VQModel: got 3, expected 4, its latent_channels",
        ),
        (lambda folder: saved(folder, 2), "channels of the VQModel: got 2 into .*1 for grey pictures or 3"),
        (lambda folder: saved(folder, 3, out_channels=1), "channels of the VQModel: got 3 into the network, 1 out"),
    ],
)
def test_folders_of_another_kind_and_damaged_ones_are_refused(
    tmp_path: Path, damage: Callable[[Path], object], words: str
) -> None:
    saved(tmp_path)
    damage(tmp_path)
    with pytest.raises(InputError, match=words):
        tokenizers.load(tmp_path)


def test_without_diffusers_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / CONFIG).write_text('{"_class_name": "VQModel"}')
    save_file({"weight": torch.zeros(1)}, tmp_path / WEIGHTS)
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'dguide\[diffusers\]'"):
        tokenizers.load(tmp_path)
    assert tokenizers.is_one(tmp_path)
    assert not tokenizers.is_one(tmp_path / "none")
