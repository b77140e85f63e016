"""Masked language models of transformers themselves, tiny and with random weights, and its tokenizers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from words import CLS, MASK, SEP, VOCAB

import dguide
from dguide import InputError, Normalized, check_model, generate
from dguide.adapters import Pretrained, family_of, language_model

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
    "num_hidden_layers": 1,
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
    checked = check_model(denoiser, length=2, condition=denoiser.holes(texts * 2))
    assert checked.ok, checked
    assert checked["padding is not read"].verdict == checked["null differs"].verdict == "right"


@pytest.mark.parametrize("name", ["Bert", "ModernBert"])
def test_it_writes_fills_in_and_answers(name, words, capsys):
    model, guided = tiny(name), {"guidance": Normalized(1.0)}
    rest = {"max_new_tokens": 2, "negative_prompts": "a cat ran", **guided}
    written = generate(model, words, PROMPTS, **rest)
    alone = [generate(model, words, prompt, first_index=number, **rest) for number, prompt in enumerate(PROMPTS)]
    assert written.tokens == tuple(each.tokens[0] for each in alone)
    filled = generate(model, words, ["the [MASK] sat"], **guided).texts[0].split()
    assert (filled[0], filled[2]) == ("the", "sat")
    talk = [{"role": "user", "content": "a dog ran"}]
    answer = generate(model, words, talk, max_new_tokens=2, streamer=transformers.TextStreamer(words), **guided)
    assert capsys.readouterr().out.split() == f"user : a dog ran <eot> assistant : {answer.texts[0]}".split()


@pytest.fixture(scope="module")
def folder(words, tmp_path_factory):
    """A model and its tokenizer, as they are saved."""
    path = tmp_path_factory.mktemp("saved")
    tiny("Bert").save_pretrained(path)
    words.save_pretrained(path)
    return path


def test_the_command_line_writes_and_fills_in(folder, run):
    options = ("--weight", "1", "--negative", "a dog sat on the mat", "--seed", 3, "--json")
    status, out, err = run("generate", f"hf:{folder}", *PROMPTS, "--max-new-tokens", 4, "--block", 2, *options)
    assert status == 0, err
    told = json.loads(out)
    model, tokenizer = Pretrained(folder).open(torch.device("cpu"))
    rest = {"guidance": Normalized(1.0), "negative_prompts": "a dog sat on the mat", "seed": 3}
    wanted = generate(model, tokenizer, PROMPTS, max_new_tokens=4, block=2, **rest)
    assert told["texts"] == list(wanted.texts)
    assert told["calls"] == {"conditional": 4, "reference": 4}
    status, out, err = run("generate", f"hf:{folder}", "the [MASK] sat", "--temperature", 0, "--guidance-scale", 2)
    assert out.split()[::2] == ["the", "sat"]
    assert "1 conditional and 1 reference calls" in err
    assert "guidance scale 2" in err


def test_the_command_line_checks_a_language_model(folder, run, tmp_path):
    status, out, err = run("check-model", f"hf:{folder}", "--length", 3)
    assert (status, "mask never predicted" in out) == (0, True), err
    lines = ["a cat sat on the mat", "dog", "the dog ran on a mat", "a mat sat on the cat", "the cat ran"] * 2
    (tmp_path / "texts.txt").write_text("\n".join(lines))
    status, out, err = run("check-model", f"hf:{folder}", "--length", 2, "--texts", tmp_path / "texts.txt", "--json")
    found = {line["question"]: line["verdict"] for line in json.loads(out)["lines"]}
    assert found["padding is not read"] == found["mask token"] == "right"
    for wrong, said in [
        (("--data", "digits"), "--data: got a value beside the language model"),
        (("--length", 9, "--texts", tmp_path / "texts.txt"), "10 lines of at most 9 tokens"),
    ]:
        status, _, err = run("check-model", f"hf:{folder}", *wrong)
        assert status == 2
        assert said in err


def test_a_folder_that_needs_code_of_its_own_is_refused(folder, tmp_path):
    def opened(**options):
        return Pretrained(tmp_path, **options).open(torch.device("cpu"))

    for config, said in [
        (None, "got no readable config.json"),
        ({"model_type": "llada"}, "model_type 'llada', which transformers"),
        ({"model_type": "llada", "auto_map": {"AutoModel": "code.Model"}}, "If you trust it: trust_remote_code=true"),
        ({"model_type": "bert"}, "expected a model and its tokenizer"),
    ]:
        if config is not None:
            (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(InputError, match=said):
            opened()
    for file in folder.iterdir():
        if "token" in file.name:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    transformers.BertModel(transformers.BertConfig(**SIZES)).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"a checkpoint without \d+ weights of BertForMaskedLM"):
        opened()


def test_code_in_a_folder_runs_only_if_it_is_trusted(folder, tmp_path, tmp_path_factory, monkeypatch):
    cache = str(tmp_path_factory.mktemp("modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", cache)
    monkeypatch.syspath_prepend(cache)
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "llada", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    config["architectures"] = ["Model"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text(
        "from transformers import BertConfig, BertForMaskedLM\n"
        "class Config(BertConfig):\n    model_type = 'llada'\n"
        "class Model(BertForMaskedLM):\n    config_class = Config\n"
    )
    model, tokenizer = Pretrained(tmp_path, trust_remote_code=True).open(torch.device("cpu"))
    assert type(model).__name__ == "Model"
    assert family_of(model) == "llada"
    assert generate(model, tokenizer, PROMPTS, max_new_tokens=3, guidance=Normalized(1.0)).tokens


@pytest.mark.parametrize("name", ["generate", "guide-your-model"])
def test_the_documents_run_on_a_real_model(name, words):
    text = (Path(__file__).parents[2] / "docs" / f"{name}.md").read_text(encoding="utf-8")
    names = {"dguide": dguide, "model": tiny("ModernBert"), "tokenizer": words}
    text = text.partition("## aMUSEd")[0]  # which needs a pipeline of diffusers; test_amused.py runs it
    blocks = re.findall(r"^```py\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks = [block for block in blocks if "Amused" not in block]  # that one runs in test_amused.py
    assert blocks
    for block in blocks:
        exec(compile(block, name, "exec", dont_inherit=True), names)
