"""The autoencoder of LlamaGen: its convolutions are those of diffusers, and its files are read as published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from published import autoencoder, published_keys
from torch import nn

from dguide import checkpoint, tokenizers
from dguide.data import Learnt, load
from dguide.errors import InputError
from dguide.stored import planning
from dguide.tokenizers import LlamaGenTokenizer, llamagen
from dguide.tokenizers.vqgan import VQGAN, Sizes

try:
    from diffusers.models.autoencoders import vae
except ImportError:
    vae = None


def renamed(ours: nn.Module, down: bool) -> dict[str, torch.Tensor]:
    """The weights of one half under the names of diffusers."""
    found = {}
    for name, weight in ours.state_dict().items():
        words, way = name.split("."), "down" if down else "up"
        if words[0] == "conv_blocks":
            words[0] = f"{way}_blocks"
            words[2:3] = {
                "res": ["resnets"],
                "attn": ["attentions"],
                "downsample": ["downsamplers", "0"],
                "upsample": ["upsamplers", "0"],
            }[words[2]]
        elif words[0] == "mid":
            words[:2] = ["mid_block", *(("resnets", "0"), ("attentions", "0"), ("resnets", "1"))[int(words[1])]]
        parts = {"nin_shortcut": "conv_shortcut", "norm_out": "conv_norm_out"}
        if "attentions" in words:
            parts = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
            weight = weight.flatten(1) if weight.dim() == 4 else weight
        found[".".join(parts.get(word, word) for word in words)] = weight
    return found


@pytest.mark.skipif(vae is None, reason="the extra diffusers is not installed")
def test_both_halves_are_those_of_diffusers(tmp_path: Path) -> None:
    network, lowest = autoencoder(tmp_path / "vq.pt"), ("Attn{}Block2D", "{}Block2D")
    common: dict[str, Any] = {"block_out_channels": (32, 32, 64), "layers_per_block": 1, "norm_num_groups": 32}
    kinds = [lowest[level < 2] for level in range(3)]
    encoder = vae.Encoder(
        3, 16, down_block_types=[each.format("DownEncoder") for each in kinds], double_z=False, **common
    )
    decoder = vae.Decoder(16, 3, up_block_types=[each.format("UpDecoder") for each in kinds[::-1]], **common)
    assert network.encoder is not None
    encoder.load_state_dict(renamed(network.encoder, True))
    decoder.load_state_dict(renamed(network.decoder, False))
    images, latents = torch.randn(2, 3, 16, 24), torch.randn(2, 16, 4, 6)
    with torch.no_grad():
        assert torch.allclose(network.encoder(images), encoder(images), atol=1e-5)
        assert torch.allclose(network.decoder(latents), decoder(latents), atol=1e-5)


def test_a_token_is_the_nearest_code_of_unit_length_and_pictures_are_of_such_codes(tmp_path: Path) -> None:
    network = autoencoder(tmp_path / "vq.pt")
    images = torch.randn(1, 3, 16, 24)
    with torch.no_grad():
        latents = network.quant_conv(network.encoder(images))[0].flatten(1).T  # type: ignore[misc]
        unit = [each / each.norm(dim=1, keepdim=True) for each in (latents, network.quantize["embedding"].weight)]
        assert torch.equal(network.tokens(images).flatten(), torch.cdist(*unit).argmin(1))
        tokens = torch.arange(24).view(1, 4, 6)
        drawn = network.draw(tokens)
        network.quantize["embedding"].weight.mul_(torch.rand(24, 1) + 0.5)
        assert torch.allclose(network.draw(tokens), drawn, atol=1e-5)


def test_every_published_tensor_has_its_place() -> None:
    shapes = {name: shape for name, shape in published_keys("vq_ds16_c2i.pt").items() if name != llamagen._UNUSED}
    with planning():
        network = VQGAN(Sizes.of(shapes))
    assert {name: list(tensor.shape) for name, tensor in network.state_dict().items()} == shapes
    assert (network.sizes.factor, network.sizes.codes, network.sizes.encoder) == (16, 16384, True)


def test_a_file_is_a_tokenizer_of_any_size_that_the_factor_divides(tmp_path: Path) -> None:
    network, path = autoencoder(tmp_path / "vq.pt"), tmp_path / "vq.pt"
    found = tokenizers.load(path, size=(16, 24))
    assert isinstance(found, LlamaGenTokenizer)
    assert (found.grid, found.codes, found.channels) == ((4, 6), 24, 3)
    assert found.digest == llamagen.load(path, grid=(4, 6)).digest != llamagen.load(path, (24, 16)).digest
    pictures = torch.randint(0, 256, (3, 16, 24, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    tokens = found.encode(pictures)
    with torch.no_grad():
        expected = network.tokens(pictures.permute(0, 3, 1, 2) / 127.5 - 1)
        drawn = network.draw(expected)
    assert torch.equal(tokens, expected.flatten(1))
    shown = ((drawn + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1)
    assert (found.decode(tokens) - shown).abs().max() < 0.51  # rounded


def test_a_decoder_alone_decodes_and_says_why_it_does_not_encode(tmp_path: Path) -> None:
    autoencoder(tmp_path / "vq.pt", encoder=False)
    found = tokenizers.load(tmp_path / "vq.pt", size=(16, 16))
    assert found.decode(torch.zeros(2, 16, dtype=torch.int64)).shape == (2, 16, 16, 3)
    with pytest.raises(InputError, match="got a decoder alone, expected an encoder too"):
        found.encode(torch.zeros(1, 16, 16, 3, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "size of the pictures of .*: got none, expected rows and columns .*size=384x384"),
        ({"size": (16, 18)}, "got 16 x 18, expected .*multiples of the factor 4"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    autoencoder(tmp_path / "vq.pt")
    with pytest.raises(InputError, match=text):
        tokenizers.load(tmp_path / "vq.pt", **options)


@pytest.mark.parametrize("change", ["codebook", "width", "more", "less"])
def test_a_file_of_another_network_is_refused(tmp_path: Path, change: str) -> None:
    tensors = autoencoder(tmp_path / "vq.pt").state_dict()
    if change == "codebook":
        del tensors["quantize.embedding.weight"]
    elif change == "width":
        tensors["decoder.conv_blocks.0.res.0.conv1.weight"] = torch.zeros(40, 64, 3, 3)
    elif change == "more":
        tensors["decoder.conv_blocks.2.attn.0.q.weight"] = torch.zeros(32, 32, 1, 1)
    else:
        del tensors["decoder.norm_out.bias"]
    torch.save(tensors, tmp_path / "vq.pt")
    texts = {
        "codebook": "tensors, as .*expected the tensors of the autoencoder of LlamaGen",
        "width": "widths that 32 divides",
        "more": "1 unexpected: decoder.conv_blocks.2.attn.0.q.weight",
        "less": "1 missing: decoder.norm_out.bias, expected the .* tensors of the autoencoder of LlamaGen",
    }
    with pytest.raises(InputError, match=texts[change]):
        tokenizers.load(tmp_path / "vq.pt", size=(16, 16))


def test_data_and_a_model_keep_the_tokenizer_of_a_file(tmp_path: Path) -> None:
    from PIL import Image
    from tiny import save_codec

    autoencoder(tmp_path / "vq.pt")
    for number, pixel in enumerate(torch.rand(12, 4, 4, 3, generator=torch.Generator().manual_seed(1))):
        folder = tmp_path / "pictures" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        big = (255 * pixel).byte().repeat_interleave(4, 0).repeat_interleave(4, 1)
        Image.fromarray(big.numpy()).save(folder / f"{number}.png")
    data = load(f"images:{tmp_path / 'pictures'},size=16x16,tokenizer={tmp_path / 'vq.pt'}")
    assert isinstance(data.codec, Learnt)
    assert data.codec.digest == llamagen.load(tmp_path / "vq.pt", (16, 16)).digest
    model = save_codec(tmp_path / "model", data.codec)
    (tmp_path / "vq.pt").unlink()
    kept = checkpoint.load(model).codec
    assert kept == data.codec
    assert torch.equal(kept.picture(data.train.tokens), data.codec.picture(data.train.tokens))
