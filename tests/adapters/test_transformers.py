"""Masked language models of transformers themselves, tiny and with random weights, and its tokenizers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from words import CLS, MASK, SEP, VOCAB

import dguide
from dguide import Normalized, check_model, generate
from dguide.adapters import language_model

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

TEMPLATE = (
    "{% for each in messages %}{{ each.role }} : {{ each.content }} <eot> {% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)
CONTEXT = 24
SIZES = {
    "vocab_size": len(VOCAB) + 3,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": CONTEXT,
    "pad_token_id": 0,
    "bos_token_id": CLS,
    "eos_token_id": SEP,
    "cls_token_id": CLS,
    "sep_token_id": SEP,
}
MODELS = {
    "Bert": ({}, CONTEXT),
    "Roberta": ({}, CONTEXT - 1),
    "ModernBert": ({"local_attention": 8, "reference_compile": False}, CONTEXT),
    "Esm": ({"mask_token_id": MASK, "position_embedding_type": "rotary", "token_dropout": True}, CONTEXT),
}
PROMPTS = ["the cat", "a dog sat on the mat"]


@pytest.fixture(scope="module")
def words():
    """A fast tokenizer that puts [CLS] and [SEP] around texts."""
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(VOCAB, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    around = [("[CLS]", CLS), ("[SEP]", SEP)]
    made.post_processor = tokenizers.processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=around)
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, mask_token="[MASK]", **names)
    fast.add_special_tokens({"additional_special_tokens": ["<eot>"]})
    fast.chat_template = TEMPLATE
    return fast


def tiny(name):
    """A model with weights large enough that its logits depend on what it reads."""
    config = getattr(transformers, f"{name}Config")(**SIZES, **MODELS[name][0])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(transformers, f"{name}ForMaskedLM")(config).eval()
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.data.add_(torch.randn_like(weight), alpha=0.3)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_a_masked_language_model_is_a_denoiser(name, words, tmp_path):
    model = tiny(name)
    denoiser = language_model(model, words)
    assert denoiser.convention.context == MODELS[name][1]
    texts = words(["[MASK] cat [MASK]", "a dog [MASK] on the mat"])["input_ids"]
    sequences = torch.tensor([[VOCAB["the"], MASK], [MASK, MASK]])
    found = denoiser(sequences, torch.full((2,), 0.5), denoiser.holes(texts))
    for row, text in enumerate(("the cat [MASK]", "a dog [MASK] on the mat")):
        read = words(text, return_tensors="pt", return_token_type_ids=False)
        place = (read["input_ids"][0] == MASK).nonzero()[0]
        logits = model(**read).logits[0, place, 6 : len(VOCAB)]
        torch.testing.assert_close(found[row, 1 - row, 6:].unsqueeze(0), logits, rtol=0, atol=1e-5)
        assert bool((found[row, 1 - row, [0, 1, 2, 3, 5]] == -torch.inf).all())  # the process removes the mask
    model.save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    again = language_model(
        transformers.AutoModelForMaskedLM.from_pretrained(tmp_path),
        transformers.AutoTokenizer.from_pretrained(tmp_path),
    )
    assert again.convention == denoiser.convention
    assert torch.equal(again(sequences, torch.full((2,), 0.5), again.holes(texts)), found)
    for condition in (denoiser.prompts(words(PROMPTS * 4)["input_ids"]), denoiser.holes(texts * 4)):
        found = check_model(denoiser, length=2, condition=condition)
        assert found.ok, found
        assert found["padding is not read"].verdict == found["null differs"].verdict == "right"


@pytest.mark.parametrize("name", MODELS)
def test_it_writes_fills_in_and_answers(name, words, capsys):
    model, guided = tiny(name), {"guidance": Normalized(1.0)}
    rest = {"max_new_tokens": 3, "negative_prompts": "a cat ran", **guided}
    written = generate(model, words, PROMPTS, **rest)
    alone = [generate(model, words, prompt, first_index=number, **rest) for number, prompt in enumerate(PROMPTS)]
    assert written.tokens == tuple(each.tokens[0] for each in alone)
    filled = generate(model, words, ["the [MASK] sat"], **guided).texts[0].split()
    assert (filled[0], filled[2]) == ("the", "sat")
    talk = [{"role": "user", "content": "a dog ran"}]
    answer = generate(model, words, talk, max_new_tokens=4, streamer=transformers.TextStreamer(words), **guided)
    assert capsys.readouterr().out.split() == f"user : a dog ran <eot> assistant : {answer.texts[0]}".split()


@pytest.mark.parametrize("name", ["generate", "guide-your-model"])
def test_the_documents_run_on_a_real_model(name, words):
    text = (Path(__file__).parents[2] / "docs" / f"{name}.md").read_text(encoding="utf-8")
    names = {"dguide": dguide, "model": tiny("ModernBert"), "tokenizer": words}
    blocks = re.findall(r"^```py\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, name, "exec", dont_inherit=True), names)
