"""`generate` draws the guided law of the model, prompt by prompt as in a batch, and stops where texts end."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from block_causal import Past
from judge import g_test
from words import CLS, COLUMNS, CONTEXT, EOT, MASK, SEP, SPECIAL, VOCAB, Words, language

import dguide
from dguide import Ancestral, Blocks, FirstHitting, InputError, LowConfidence, Normalized, generate
from dguide.adapters import UntilEnd

PROMPTS = ["the cat", "a dog sat on the mat", "dog"]
TALK = [{"role": "user", "content": "the cat"}]
GUIDED = {"guidance": Normalized(1.5)}


def ids(text: str) -> list[int]:
    return [VOCAB[word] for word in text.split()]


def up_to(row: tuple[int, ...], ends: str) -> tuple[int, ...]:
    """The tokens before the first of the `ends`."""
    return row[: next((place for place, token in enumerate(row) if token in ids(ends)), len(row))]


NEGATIVE = {"negative_prompts": "ran on a mat a dog : a"}
HOW = [("llada", {"block": 2}), ("llada", NEGATIVE), ("Dream", NEGATIVE), ("Dream", {}), ("bert", {})]


@pytest.mark.parametrize(("kind", "how"), HOW)
def test_a_batch_of_different_lengths_is_as_one_by_one(kind, how):
    model, words = language(kind), Words(around=kind == "bert")
    rest = {"max_new_tokens": 4, **GUIDED, **how}
    batch = generate(model, words, PROMPTS, **rest)
    for number, prompt in enumerate(PROMPTS):
        one = generate(model, words, prompt, first_index=number, **rest)
        assert one.tokens[0] == batch.tokens[number]
    assert len(set(batch.tokens)) > 1


def own(model, kind, tokens, place):
    """The law of the model itself at a place of a row of tokens, without its mask and columns without a word."""
    logits = model(torch.tensor([tokens])).logits[0, place - (kind == "Dream")].detach().clone()
    never = [MASK, *range(len(VOCAB), COLUMNS)] + ([*range(6)] if kind == "bert" else [SEP, EOT])
    logits[never] = -torch.inf
    return logits


@pytest.mark.parametrize(("kind", "weight"), [("llada", 0.0), ("llada", 1.5), ("Dream", 1.5), ("bert", 1.5)])
def test_a_masked_word_has_the_tilted_law_of_the_model(kind, weight):
    model, words = language(kind), Words(around=kind == "bert")
    drawn = generate(model, words, ["the [MASK] sat"] * 1000, guidance=Normalized(weight), stop=["[SEP]", "<eot>"])
    text = ids("the [MASK] sat")
    around = ([CLS], [SEP]) if kind == "bert" else ([], [])
    cond, ref = (
        own(model, kind, [*around[0], *row, *around[1]], len(around[0]) + 1) for row in (text, [MASK, MASK, MASK])
    )
    law = torch.softmax(torch.where(cond.isfinite(), (1 + weight) * cond - weight * ref, -torch.inf), 0)
    assert g_test(torch.tensor(drawn.tokens), law) > 1e-5
    assert drawn.texts[0] == f"the {words.decode(drawn.tokens[0])} sat"


SAMPLERS = [LowConfidence(12), FirstHitting(), Ancestral(5), Blocks(LowConfidence(4), 4)]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda each: type(each).__name__)
def test_tokens_before_the_end_are_those_of_the_sampler_inside(sampler):
    model, words = language(), Words(around=False)
    rest = {"max_new_tokens": 10, **GUIDED, "sampler": sampler}
    whole = generate(model, words, PROMPTS * 2, stop=(), **rest)
    calls = len(model.calls)
    ended = generate(model, words, PROMPTS * 2, stop=["user", VOCAB["sat"]], **rest)
    assert any(ended.ended)
    assert not any(whole.ended)
    assert ended.tokens == tuple(up_to(row, "user sat") for row in whole.tokens)
    before, after = (sum(call[0] for call in part) for part in (model.calls[:calls], model.calls[calls:]))
    assert after < before  # what ended is not asked for any more


def test_with_blocks_the_sampling_stops_once_all_texts_ended():
    model, words = language(), Words(around=False)
    rest = {"max_new_tokens": 20, "block": 2, **GUIDED}
    (first,) = generate(model, words, "the cat", **rest, stop=()).tokens
    drawn = generate(model, words, "the cat", **rest, stop=[first[2]])
    assert drawn.ended == (True,)
    assert drawn.calls.conditional == 2 * (1 + first.index(first[2]) // 2)
    assert drawn.tokens_per_forward == len(drawn.tokens[0]) / drawn.calls.conditional


def test_special_tokens_and_numbers_without_a_word_are_drawn_only_to_end_a_text():
    class Gap(Words):
        def get_vocab(self):
            return {word: token for word, token in VOCAB.items() if word != "mat"}

    model, rest = language("bert"), {"max_new_tokens": 6, **GUIDED}
    model.head.data[[SEP, VOCAB["mat"]]] = model.head.data[VOCAB["user"]].clone()  # as likely as a common word
    drawn = {token for row in generate(model, Gap(), PROMPTS * 4, **rest).tokens for token in row}
    assert VOCAB["user"] in drawn
    assert not drawn & {SEP, VOCAB["mat"]}
    assert any(generate(model, Gap(), PROMPTS * 4, stop=["[SEP]"], **rest).ended)


def test_what_may_change_again_does_not_end():
    rest = {"max_new_tokens": 8, "sampler": dguide.Remasking(12, share=0.5), **GUIDED}
    stops = ((), ["<eot>", "sat", "user"])
    whole, ended = (generate(language(), Words(), PROMPTS * 2, stop=stop, **rest) for stop in stops)
    assert ended.tokens == tuple(up_to(row, "<eot> sat user") for row in whole.tokens)


def test_conversations_go_through_the_template_and_end_as_answers_do():
    model, words = language(), Words(around=False)
    model.head.data[EOT] = model.head.data[VOCAB["user"]].clone()  # as likely as a common word
    rest = {"max_new_tokens": 4, **GUIDED}
    spoken = generate(model, words, [TALK] * 4, **rest)
    assert any(spoken.ended)
    plain = generate(model, words, ["user : the cat <eot> assistant :"] * 4, stop=["[SEP]", "<eot>"], **rest)
    assert plain.tokens == spoken.tokens == generate(model, words, ["the cat"] * 4, chat=True, **rest).tokens
    begun = generate(model, words, [*TALK, {"role": "assistant", "content": "a dog"}], **rest)
    wanted = generate(model, words, "user : the cat <eot> assistant : a dog", stop=["[SEP]", "<eot>"], **rest)
    assert begun.tokens == wanted.tokens


FILLED = ["the [MASK] sat", "a [MASK] sat on [MASK] [MASK]", "[MASK]"]


def test_masks_of_the_prompts_are_filled_in_each_with_what_it_gets_alone():
    model, words = language("bert"), Words()
    rest = {**GUIDED, "negative_prompts": ["a [MASK]", "[MASK] ran [MASK] on [MASK]", "on a [MASK] mat"]}
    drawn = generate(model, words, FILLED, **rest)
    for number, (prompt, text, tokens) in enumerate(zip(FILLED, drawn.texts, drawn.tokens, strict=True)):
        parts = prompt.split("[MASK]")
        spelt = [words.convert_ids_to_tokens(token) for token in tokens]
        assert text == "".join(part + word for part, word in zip(parts, [*spelt, ""], strict=True))
        alone = {"negative_prompts": rest["negative_prompts"][number], "first_index": number}
        assert generate(model, words, prompt, **(rest | alone)).tokens == (tokens,)


def test_texts_do_not_end_in_a_mask_that_is_filled_in():
    model, words = language(), Words(around=False)
    likely = generate(model, words, ["the [MASK] sat"] * 20, stop=()).tokens
    drawn = generate(model, words, ["the [MASK] sat"] * 20, stop=[likely[0][0]]).tokens
    assert likely[0] in likely
    assert likely[0] not in drawn


class Shown:
    """Keeps what it is shown, as a `Streamer` or as one of transformers."""

    def __init__(self) -> None:
        self.drafts, self.put_in, self.ended = [], [], 0

    def draft(self, texts):
        self.drafts.append(dict(texts))

    def final(self, texts):
        self.last = dict(texts)


class Printed:
    def __init__(self) -> None:
        self.put_in, self.ended = [], 0

    def put(self, tokens):
        assert not self.ended
        self.put_in.append(tokens.tolist())

    def end(self):
        self.ended += 1


def test_a_streamer_sees_drafts_and_then_the_result():
    shown, words = Shown(), Words()
    drawn = generate(language("bert"), words, FILLED, streamer=shown, batch_size=2)
    assert [set(each) for each in shown.drafts] == [{0, 1}] * 3 + [{2}]
    assert shown.drafts[0][1].count("[MASK]") == 2
    assert shown.last == dict(enumerate(drawn.texts))
    assert shown.drafts[2] | shown.drafts[3] == shown.last


@pytest.mark.parametrize("sampler", [FirstHitting(), Blocks(LowConfidence(2), 2)], ids=lambda each: type(each).__name__)
def test_a_streamer_of_transformers_gets_the_prompt_and_then_each_token_once_from_the_left(sampler):
    shown, rest = Printed(), {"max_new_tokens": 8, "sampler": sampler, "stop": ["user"]}
    drawn = generate(language(), Words(around=False), "the cat", streamer=shown, **rest)
    assert shown.put_in == [[ids("the cat")], *([token] for token in drawn.tokens[0])]
    assert shown.ended == 1


WRONG = [
    ({"prompts": 3}, "prompts: got int 3, expected texts, or conversations"),
    ({"prompts": ["the cat", "a [MASK]"]}, "prompt 1: got 1 masks beside max_new_tokens"),
    (
        {"prompts": ["the cat", "a [MASK]"], "max_new_tokens": None},
        r"prompt 0: got no mask, expected \[MASK\] wherever",
    ),
    (
        {"prompts": " ".join(["a"] * 30)},
        f"prompt 0: got 36 tokens, of which 4 are to be drawn, expected at most {CONTEXT}",
    ),
    ({"negative_prompts": "a " * 40}, "negative prompt 0: got 46 tokens"),
    ({"negative_prompts": ["a", "a", "a"]}, "negative_prompts: got 3 of them, expected one, or one for each of the 2"),
    ({"negative_prompts": "a", "guidance": None}, "negative_prompts: got some without guidance"),
    (
        {"prompts": ["a [MASK]"], "max_new_tokens": None, "negative_prompts": "a dog"},
        r"negative prompt 0: got no mask, expected \[MASK\] as often as its prompt has it",
    ),
    (
        {"prompts": ["a [MASK]"], "max_new_tokens": None, "negative_prompts": "[MASK] [MASK]"},
        "negative prompt 0: got 2 masks, expected 1, as prompt 0 has",
    ),
    ({"model": language("bert"), "prompts": ["the cat", ""]}, "prompt 1: got no token that could be masked"),
    ({"max_new_tokens": 0, "block": 0}, "max_new_tokens: got 0.*\n.*block: got 0"),
    ({"stop": ["cat dog", 99]}, "stop: got 'cat dog', 99, expected single tokens"),
    ({"stop": "<eot>"}, "stop: got '<eot>', expected a list"),
    ({"stop": 2.5}, "stop: got 2.5, expected a list"),
    (
        {"stop": [[1], True, 5.0, "[MASK]", "horse"]},
        r"stop: got \[1\], True, 5.0, '\[MASK\]', 'horse', expected single",
    ),
    ({"guidance": 3}, "guidance: got 3"),
    ({"seed": -1}, "seed: got -1"),
    ({"batch_size": 0}, "batch_size: got 0"),
    ({"decoding": None}, "decoding: got None"),
    ({"progress": 3}, "progress: got 3"),
    ({"convention": 3}, "convention of generate: got 3, expected a name, one of dream"),
    ({"sampler": 3}, "sampler: got 3"),
    ({"sampler": Blocks(), "block": 2}, "Blocks sampler: got Blocks"),
    ({"chat": 1}, "chat: got 1, expected True or False"),
    ({"tokenizer": Words(template=False), "prompts": [TALK]}, "prompt 0: got a conversation, .*no chat template"),
    ({"prompts": [[{"role": "dog", "content": "a"}]]}, "prompt 0: got a conversation that .* refuses: no such role"),
    ({"tokenizer": 3}, "tokenizer: got int, expected a tokenizer of transformers"),
    ({"model": "bert"}, "model: got 'bert', expected a loaded model"),
    ({"model": language().train()}, "model: got Language in training mode"),
    ({"model": language("gpt2")}, "family of the model: got model_type 'gpt2' of class gpt2.*convention='masked-lm'"),
    ({"model": language("bert", is_decoder=True)}, "of class BertForMaskedLM, a decoder"),
    ({"model": language("mdlm")}, r"dguide.adapt\(model, 'mdlm', ...\) makes a denoiser"),
    ({"model": language(mask_token_id=7)}, "mask token: got 7 in config.mask_token_id and 4 in tokenizer"),
    ({"model": language(vocab_size=9)}, "tokenizer: got tokens up to 16, expected numbers below 9"),
    ({"model": language(vocab_size=900)}, "tokenizer: got 17 tokens for a model with 900 columns"),
    ({"model": torch.nn.Identity()}, "family of the model: got model_type '' of class Identity"),
    ({"convention": "bert"}, "unknown convention of generate: got 'bert', expected one of dream, llada, masked-lm"),
    ({"convention": dguide.Convention(vocab_size=9)}, "convention: got no mask_id"),
    ({"convention": dguide.Convention(vocab_size=9, mask_id=3)}, "null='none', a model without prompts"),
    ({"convention": dguide.Convention(vocab_size=9, mask_id=3, null="mask"), "tokenizer": 3}, "tokenizer: got int"),
    ({"streamer": Printed()}, "streamer Printed: got 2 prompts, expected one text"),
    ({"streamer": 3}, "streamer int: got no such methods"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_mistakes_are_told_before_the_model_is_called(wrong, said):
    given = {
        "model": language(),
        "tokenizer": Words(),
        "prompts": ["the cat", "a dog sat"],
        "max_new_tokens": 4,
        **GUIDED,
    }
    given |= wrong
    with pytest.raises(InputError, match=f"(?s){said}"):
        generate(**given)
    assert not getattr(given["model"], "calls", ())


def test_a_tokenizer_without_a_mask_token_is_refused():
    words = Words()
    words.mask_token_id = None
    with pytest.raises(InputError, match="tokenizer: got no mask token, and none in the config"):
        generate(language(mask_token_id=None), words, "the cat", max_new_tokens=3)


def test_a_model_that_drops_its_attention_mask_is_called_length_by_length():
    class Deaf(type(language())):
        def forward(self, input_ids, attention_mask=None):
            return super().forward(input_ids)

    model, deaf, words = language(), language(), Words(around=False)
    deaf.__class__ = Deaf
    rest = {"max_new_tokens": 5, **GUIDED}
    assert generate(deaf, words, PROMPTS, **rest).tokens == generate(model, words, PROMPTS, **rest).tokens
    denoisers = [dguide.adapters.language_model(each, words) for each in (model, deaf)]
    assert [each.convention.attention for each in denoisers] == ["padding", "none"]
    assert not dguide.adapters.language_model(language("Dream"), words).reads_padding()


@pytest.mark.parametrize("cached", [True, False])
def test_a_block_causal_model_is_written_in_its_own_blocks_with_what_it_keeps(cached):
    sdar = dguide.adapters.CONVENTIONS.call("sdar").having(vocab_size=len(VOCAB), mask_id=MASK, block=4)()
    model, words, away = Past(len(VOCAB)).eval(), Words(around=False), ["ran on a mat a", "", "cat"]
    means = sdar if cached else replace(sdar, cache="none")
    drawn = generate(model, words, PROMPTS, negative_prompts=away, convention=means, max_new_tokens=7, **GUIDED)
    plain = dguide.adapt(Past(len(VOCAB)).eval(), replace(sdar, cache="none"))
    condition = plain.prompts([ids(prompt) for prompt in PROMPTS], width=6)
    wanted = dguide.sample(
        plain,
        process=plain.process,
        length=7,
        condition=condition,
        reference=plain.prompts([ids(text) for text in away], like=condition),
        sampler=Blocks(LowConfidence(4), 4),
        **GUIDED,
    )
    assert drawn.tokens == tuple(up_to(tuple(row), "[SEP]") for row in wanted.tokens.tolist())
    assert (model.work < plain.module.work) is cached
    for wrong, said in [
        ({"block": 2}, "block: got 2, expected 4, the size of the blocks of the model"),
        ({"prompts": ["a [MASK] cat"], "max_new_tokens": None}, "prompt 0: got tokens behind a mask"),
        ({"tokenizer": Words()}, "(?s)prompt 0: got tokens behind a mask.*prompt 1"),
        ({"prompts": [""]}, "prompt 0: got no token that could be masked"),
    ]:
        work = model.work
        rest = {"tokenizer": words, "prompts": PROMPTS, "max_new_tokens": 4} | wrong
        with pytest.raises(InputError, match=said):
            generate(model, convention=means, **rest, **GUIDED)
        assert model.work == work


def test_a_token_that_ends_a_text_is_named_as_it_is_spelt():
    class Bytes(Words):
        def get_vocab(self):
            return {f"_{word}": token for word, token in VOCAB.items()}

    model, rest = language(), {"max_new_tokens": 10, **GUIDED}
    assert (
        generate(model, Bytes(around=False), PROMPTS, stop=["user", "_sat"], **rest).tokens
        == generate(model, Words(around=False), PROMPTS, stop=["user", "sat"], **rest).tokens
    )


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: UntilEnd(3, 5), "(?s)UntilEnd sampler: got 3.*UntilEnd ends: got 5, expected a tuple of tokens"),
        (lambda: UntilEnd(FirstHitting(), ("a",)), r"ends: got \('a',\)"),
        (lambda: UntilEnd(FirstHitting(), (True,)), r"ends: got \(True,\)"),
        (lambda: UntilEnd(FirstHitting(), ()), r"ends: got \(\)"),
        (lambda: UntilEnd(UntilEnd(FirstHitting(), (5,)), (6,)), "sampler: got UntilEnd"),
        (lambda: Blocks(UntilEnd(FirstHitting(), (5,)), 2), "Blocks sampler: got UntilEnd"),
        (lambda: dguide.SMC(sampler=UntilEnd(FirstHitting(), (5,))), "SMC sampler: got UntilEnd"),
    ],
)
def test_what_stops_at_an_end_is_checked(made, said):
    with pytest.raises(InputError, match=said):
        made()


def test_an_end_that_cannot_be_drawn_is_refused():
    denoiser = dguide.adapters.language_model(language(), Words())
    for end in (MASK, 99):
        rest = {"process": denoiser.process, "length": 2, "condition": denoiser.prompts([[7]])}
        with pytest.raises(InputError, match=f"UntilEnd ends: got {end}, expected tokens that can be drawn"):
            dguide.sample(denoiser, sampler=UntilEnd(FirstHitting(), (end,)), **rest)


def test_a_model_may_number_its_tokens_from_another_one_on():
    model, words, first = language(), Words(around=False), len(SPECIAL)
    numbers = {"vocab_size": len(VOCAB) - first, "offset": first, "columns": COLUMNS, "mask_id": MASK}
    means = dguide.Convention(attention="padding", null="mask", **numbers)
    rest = {"max_new_tokens": 8, "convention": means, "block": 2, **GUIDED}
    whole = generate(model, words, PROMPTS, stop=(), **rest)
    calls, whole_calls = len(model.calls), sum(rows for rows, _ in model.calls)
    likely = whole.tokens[0][1]
    ended = generate(model, words, PROMPTS, stop=[likely], **rest)
    assert ended.tokens == tuple(up_to(row, words.decode([likely])) for row in whole.tokens)
    assert sum(rows for rows, _ in model.calls[calls:]) < whole_calls
    with pytest.raises(InputError, match=r"stop: got '<eot>', expected .* that the model may draw"):
        generate(model, words, PROMPTS, stop=["<eot>"], **rest)
