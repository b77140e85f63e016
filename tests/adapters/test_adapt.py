"""Models of each published convention give their own law as denoisers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from families import LENGTH, LOO, MASKED, POSTERIOR, Flow, Language, Sigma, exact, tables
from judge import distance, g_test

import dguide
from dguide import Ancestral, Blocks, Convention, InputError, LowEntropy, Masked, Normalized, adapt, noise, sample
from dguide.adapters import CONVENTIONS
from dguide.exact import Problem, chain

COUNT = 20_000
LEVEL = 1e-6


def drawn(denoiser, process=None, weight=0.0, sampler=None, count=COUNT, **rest):
    """Samples of a denoiser, of so many steps that the law is that of the model."""
    given = {} if rest.get("condition") is not None else {"count": count}
    return sample(
        denoiser,
        process=process or denoiser.process,
        length=LENGTH,
        guidance=Normalized(weight),
        sampler=sampler or dguide.FirstHitting(),
        **given,
        **rest,
    ).tokens


@pytest.mark.parametrize("name", ["mdlm", "bd3lm"])
def test_masked_models_that_are_told_sigma_have_their_own_law(name):
    model = Sigma(exact(MASKED)).eval()
    denoiser = adapt(model, name, vocab_size=6, mask_id=5)
    assert denoiser.process == MASKED
    assert not denoiser.time_dependent
    sampler = Blocks(LowEntropy(steps=LENGTH), size=1) if name == "bd3lm" else None
    assert g_test(drawn(denoiser, sampler=sampler), tables(MASKED)[2]) > LEVEL


def steps_law(denoiser, process):
    """The exact law after 30 unguided steps for the first class, or without classes."""

    class Labelled:
        time_dependent = True

        def null(self, labels):
            return labels

        def __call__(self, tokens, time, labels):
            return denoiser(tokens, time, labels if denoiser.convention.null == "label" else None)

    *cond, uncond = tables(process)
    law = cond[0] if denoiser.convention.null == "label" else uncond
    found = chain(Problem(process, law, law), Normalized(0.0), Ancestral(30), Labelled())
    return distance(found, law)


@pytest.mark.parametrize("name", ["udlm", "duo"])
def test_leave_one_out_presets_have_their_own_law_and_are_wrong_as_posterior(name):
    options = {"classes": 2} if name == "udlm" else {}
    denoiser = adapt(Sigma(exact(LOO)).eval(), name, vocab_size=4, **options)
    assert denoiser.prediction == denoiser.process.prediction == "leave-one-out"
    misread = adapt(denoiser.module, replace(denoiser.convention, prediction="posterior"))
    assert steps_law(denoiser, denoiser.process) < 0.03
    assert steps_law(misread, misread.process) > 0.1


def test_flow_matching_has_its_own_law():
    masked = adapt(Flow(exact(Masked(4))).eval(), "flow_matching", vocab_size=4)
    assert masked.process == Masked(4)
    assert g_test(drawn(masked, count=5000), tables(Masked(4))[2]) > LEVEL
    uniform = adapt(Flow(exact(POSTERIOR)).eval(), "flow_matching", vocab_size=4, source="uniform")
    assert uniform.process == POSTERIOR
    assert steps_law(uniform, POSTERIOR) < 0.03


def test_guidance_of_an_adapted_model_is_that_of_the_model_itself():
    labels = torch.arange(400) % 2
    denoiser = adapt(Sigma(exact(LOO)).eval(), "udlm", vocab_size=4, classes=2)
    rest = {"condition": labels, "weight": 2.0, "sampler": Ancestral(8)}
    assert torch.equal(drawn(denoiser, **rest), drawn(exact(LOO), process=LOO, **rest))


def test_sigma_is_that_of_the_noise_schedule_and_has_an_end():
    model = Sigma(exact(MASKED)).eval()
    process = replace(MASKED, noise=noise.Cosine())
    denoiser = adapt(model, "mdlm", vocab_size=6, mask_id=5, process=process)
    time = torch.tensor([1e-6, 0.3, 1.0], dtype=torch.float64)
    denoiser(torch.full((3, LENGTH), 5), time, None)
    wanted = -torch.log(process.noise.alpha(time[:2]))
    torch.testing.assert_close(model.told[-1][:2], wanted, rtol=1e-7, atol=0)
    assert float(model.told[-1][2]) == denoiser.convention.longest < 7


def told(time, **convention):
    """What a model is told at three times."""
    heard = []

    def model(tokens, moment=None):
        heard.append(moment)
        return torch.zeros(*tokens.shape, 4)

    denoiser = adapt(model, Convention(vocab_size=4, time=time, **convention))
    denoiser(torch.zeros(3, LENGTH, dtype=torch.int64), torch.tensor([1e-9, 0.253, 1.0]), None)
    return heard[0] if heard[0] is None else heard[0].tolist()


def test_the_time_is_told_as_the_convention_says():
    assert told("none") is None
    assert told("t") == pytest.approx([0, 0.253, 1], abs=1e-6)
    assert told("1-t") == pytest.approx([1, 0.747, 0], abs=1e-6)
    assert told("step", steps=100) == [1, 26, 100]
    assert told("step", steps=100, first_step=0) == [0, 25, 99]
    assert told("sigma", longest=5.0) == pytest.approx([0, 0.29169, 5], abs=1e-5)


def test_a_process_that_contradicts_the_convention_is_refused():
    model = Flow(exact(Masked(4))).eval()
    for wrong in (Masked(4, noise=noise.Cosine()), Masked(5), Masked(4, mask_id=3), POSTERIOR):
        with pytest.raises(InputError, match=r"process: got .* as the convention says"):
            adapt(model, "flow_matching", vocab_size=4, process=wrong)
    with pytest.raises(InputError, match="as the convention says"):
        adapt(model, "udlm", vocab_size=4, process=POSTERIOR)


# Tokens 0 to 5 are special, 3 is the mask.
VOCAB, MASK = 14, 3
IDS = torch.tensor([[7, MASK, 9, MASK], [MASK, 8, 6, MASK], [MASK] * 4])
PROMPTS = [[10, 11, 12], [13], []]
TIME = torch.full((3,), 0.5, dtype=torch.float64)
LANGUAGES = {
    "llada": CONVENTIONS.call("llada").having(vocab_size=VOCAB, mask_id=MASK)(),
    "dream": CONVENTIONS.call("dream").having(vocab_size=VOCAB, mask_id=MASK)(),
    "masked-lm": CONVENTIONS.call("masked-lm").having(vocab_size=VOCAB, mask_id=MASK, special=(0, 1, 2, MASK))(),
}


def by_hand(convention, ids, prompt):
    """The logits of one sequence behind its prompt, as the published code calls the model and reads them."""
    whole = torch.cat((torch.tensor(prompt, dtype=torch.int64), ids)).unsqueeze(0)
    logits = Language(VOCAB)(whole).logits
    if convention.shifted:
        logits = torch.cat((logits[:, :1], logits[:, :-1]), 1)
    logits = logits[0, len(prompt) :].clone()
    logits[:, list(convention.forbidden)] = -torch.inf
    return logits


@pytest.mark.parametrize("name", LANGUAGES)
def test_prompts_of_different_lengths_in_one_batch_are_as_one_by_one(name):
    convention, model = LANGUAGES[name], Language(VOCAB).eval()
    denoiser = adapt(model, convention)
    found = denoiser(IDS, TIME, denoiser.prompts(PROMPTS))
    assert model.calls == [(3, 7)]  # one call
    for row, prompt in enumerate(PROMPTS):
        torch.testing.assert_close(found[row], by_hand(convention, IDS[row], prompt))
    # padded as tokenizers of decoders do, by a token that the model does not read
    left = {"prompt": torch.tensor([[10, 11, 12], [99, 99, 13], [99, 99, 99]])}
    left["real"] = torch.tensor([[True] * 3, [False, False, True], [False] * 3])
    torch.testing.assert_close(denoiser(IDS, TIME, left), found)


def test_without_an_attention_mask_each_length_is_a_call_of_its_own():
    model, convention = Language(VOCAB).eval(), replace(LANGUAGES["llada"], attention="none")
    denoiser = adapt(model, convention)
    found = denoiser(IDS, TIME, denoiser.prompts([*PROMPTS[:2], [9]]))
    assert sorted(model.calls) == [(1, 7), (2, 5)]
    for row, prompt in enumerate([*PROMPTS[:2], [9]]):
        torch.testing.assert_close(found[row], by_hand(convention, IDS[row], prompt))


@pytest.mark.parametrize(
    ("null", "options", "prompts"),
    [
        ("mask", {}, [[MASK] * 3, [MASK], []]),
        ("mask", {"kept": (10,)}, [[10, MASK, MASK], [MASK], []]),
        ("drop", {}, [[], [], []]),
        ("tokens", {"null_tokens": (5, 6, 7, 8)}, [[5, 6, 7, 8]] * 3),
    ],
)
def test_the_null_condition_is_as_the_convention_says(null, options, prompts):
    convention = replace(LANGUAGES["llada"], null=null, **options)
    denoiser = adapt(Language(VOCAB).eval(), convention)
    condition = denoiser.prompts(PROMPTS)
    reference = denoiser.null(condition)
    found = denoiser(IDS, TIME, reference)
    for row, prompt in enumerate(prompts):
        torch.testing.assert_close(found[row], by_hand(convention, IDS[row], prompt))
    samples = sample(
        denoiser,
        process=denoiser.process,
        length=4,
        condition=condition,
        guidance=Normalized(1.0),
        sampler=Ancestral(2),
    )
    assert samples.calls.reference > 0
    assert not bool((samples.tokens == MASK).any())


TEXTS = [[10, MASK, 11, MASK, MASK, 12], [MASK, 13], [5, 6, 7, 8, 9, MASK, MASK]]


@pytest.mark.parametrize("name", LANGUAGES)
def test_tokens_in_the_holes_of_a_text_are_read_and_predicted_there(name):
    convention = LANGUAGES[name]
    denoiser = adapt(Language(VOCAB).eval(), convention)
    sequences = torch.tensor([[7, MASK, 9], [MASK, 8, 6], [MASK, MASK, 5]])
    for attention in ("padding", "none"):
        convention = replace(convention, attention=attention) if attention == "none" else convention
        denoiser = adapt(Language(VOCAB).eval(), convention)
        told = denoiser.holes(TEXTS)
        for condition, masked in ((told, False), (denoiser.null(told), True)):
            found = denoiser(sequences, TIME, condition)
            for row, text in enumerate(TEXTS):
                place = [i for i, token in enumerate(text) if token == MASK]
                whole = torch.tensor([MASK if masked and token not in convention.kept else token for token in text])
                whole[place] = sequences[row, : len(place)]
                torch.testing.assert_close(found[row, : len(place)], by_hand(convention, whole, [])[place])


@pytest.mark.parametrize("null", ["drop", "tokens"])
def test_holes_stay_where_the_rest_of_the_text_is_dropped_or_replaced(null):
    convention = replace(LANGUAGES["llada"], null=null, null_tokens=(5, 6) if null == "tokens" else ())
    denoiser = adapt(Language(VOCAB).eval(), convention)
    sequences = torch.tensor([[7, MASK, 9], [MASK, 8, 6], [MASK, MASK, 5]])
    found = denoiser(sequences, TIME, denoiser.null(denoiser.holes(TEXTS)))
    for row, count in enumerate((3, 1, 2)):
        wanted = by_hand(convention, sequences[row, :count], convention.null_tokens)
        torch.testing.assert_close(found[row, :count], wanted)


def test_more_than_the_context_is_refused():
    denoiser = adapt(Language(VOCAB).eval(), replace(LANGUAGES["llada"], context=6))
    denoiser(IDS, TIME, denoiser.prompts([[10, 11], [13], []]))
    with pytest.raises(InputError, match="sequence: got 7 tokens with its prompt, expected at most 6"):
        denoiser(IDS, TIME, denoiser.prompts(PROMPTS))
    with pytest.raises(InputError, match="no mask in number 1"):
        denoiser.holes([[MASK], [5]])
    with pytest.raises(InputError, match="got 3 holes, expected at most the length of samples, 2"):
        denoiser(IDS[:, :2], TIME, denoiser.holes([[MASK] * 3] * 3))


def test_a_negative_prompt_may_be_of_another_length():
    denoiser = adapt(Language(VOCAB).eval(), LANGUAGES["llada"])
    negative = [[5, 6, 7, 8, 9]] * 3
    rest = {"process": denoiser.process, "length": 4, "guidance": Normalized(1.0), "sampler": Ancestral(3)}
    tokens = sample(
        denoiser, condition=denoiser.prompts(PROMPTS, width=5), reference=denoiser.prompts(negative), **rest
    ).tokens
    one = [
        sample(
            denoiser,
            condition=denoiser.prompts([prompt], width=5),
            reference=denoiser.prompts(negative[:1]),
            first_index=row,
            **rest,
        ).tokens
        for row, prompt in enumerate(PROMPTS)
    ]
    assert torch.equal(tokens, torch.cat(one))


def test_tokens_around_the_sequence_are_read_and_their_logits_dropped():
    convention = replace(LANGUAGES["llada"], before=(1,), after=(2,))
    found = adapt(Language(VOCAB).eval(), convention)(IDS[:1], TIME[:1], None)
    whole = torch.cat((torch.tensor([1]), IDS[0], torch.tensor([2]))).unsqueeze(0)
    torch.testing.assert_close(found[0], Language(VOCAB)(whole).logits[0, 1:-1])
    shifted = adapt(Language(VOCAB).eval(), replace(convention, shifted=True))(IDS[:1], TIME[:1], None)
    torch.testing.assert_close(shifted[0], Language(VOCAB)(whole).logits[0, :-2])


def test_a_vocabulary_within_that_of_the_model():
    """Eight codes of images behind six words, the mask among the words, and two columns of nothing at the end."""
    model = Language(VOCAB + 2)
    convention = Convention(vocab_size=8, mask_id=MASK, offset=6, columns=16, forbidden=(7,))
    denoiser = adapt(model.eval(), convention)
    assert denoiser.process == Masked(8)
    found = denoiser(torch.tensor([[0, 8, 5, 8]]), TIME[:1], None)
    wanted = model(torch.tensor([[6, MASK, 11, MASK]])).logits[..., 6:14].clone()
    wanted[..., 1] = -torch.inf
    torch.testing.assert_close(found, wanted)
    with pytest.raises(InputError, match=r"got 16 columns, expected 14, .*Convention\(columns=16\)"):
        adapt(model, replace(convention, columns=None))(torch.tensor([[0, 8]]), TIME[:1], None)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda logits: logits,
        lambda logits: (logits, None),
        lambda logits: {"logits": logits},
        lambda logits: SimpleNamespace(logits=logits),
    ],
)
def test_logits_are_found_in_what_models_return(wrap):
    logits = torch.arange(12.0).view(1, 3, 4)
    denoiser = adapt(lambda tokens: wrap(logits), Convention(vocab_size=4))
    assert torch.equal(denoiser(torch.zeros(1, 3, dtype=torch.int64), TIME[:1], None), logits)


@pytest.mark.parametrize(
    ("answer", "convention", "said"),
    [
        (None, {}, "answer of the model: got NoneType, expected a floating tensor"),
        (torch.zeros(1, 2, 4), {}, r"got \[1, 2, 4\], expected \[1, 3, columns\], a row for each token"),
        (torch.full((1, 3, 4), 7e4).half(), {}, "got inf or NaN in float16.*Load the model in bfloat16"),
        (torch.full((1, 3, 4), 0.25).half(), {"output": "probabilities"}, "got probabilities in torch.float16"),
        (torch.full((1, 3, 4), -1.0), {"output": "probabilities"}, "numbers below 0, .*output='logits'"),
    ],
)
def test_answers_that_do_not_fit_are_refused(answer, convention, said):
    denoiser = adapt(lambda tokens: answer, Convention(vocab_size=4, **convention))
    with pytest.raises(InputError, match=said):
        denoiser(torch.zeros(1, 3, dtype=torch.int64), TIME[:1], None)


def test_what_cannot_be_adapted_is_refused():
    with pytest.raises(InputError, match=r"Language in training mode, .*Call \.eval\(\) on it"):
        adapt(Language(VOCAB), "llada")
    with pytest.raises(InputError, match="expected a loaded model that can be called"):
        adapt(Language, "llada")
    with pytest.raises(InputError, match=r"unknown convention: got 'lada'.*Did you mean 'llada'"):
        adapt(Language(VOCAB).eval(), "lada")
    with pytest.raises(InputError, match="options vocab_size beside a Convention"):
        adapt(Language(VOCAB).eval(), LANGUAGES["llada"], vocab_size=3)
    denoiser = adapt(Language(VOCAB).eval(), replace(LANGUAGES["llada"], null="tokens", null_tokens=(5, 6, 7, 8)))
    with pytest.raises(InputError, match="room for 1 tokens, expected at least 4"):
        denoiser.null({"prompt": torch.ones(1, 1, dtype=torch.int64), "real": torch.ones(1, 1, dtype=torch.bool)})
    with pytest.raises(InputError, match=r"condition: got Tensor, .*prompts\(\) of the denoiser"):
        denoiser.null(torch.ones(1, 1))
    unconditional = adapt(Language(VOCAB).eval(), Convention(vocab_size=VOCAB, mask_id=MASK))
    with pytest.raises(InputError, match=r"null='none'.*Guide with reference="):
        unconditional.null(torch.ones(2, dtype=torch.int64))
    with pytest.raises(InputError, match="condition: got Tensor, expected None"):
        unconditional(IDS, TIME, torch.ones(3, dtype=torch.int64))


def test_a_reference_has_the_columns_of_the_condition():
    denoiser = adapt(Language(VOCAB).eval(), LANGUAGES["llada"])
    condition, text = denoiser.prompts([[5, 7, 2], [6]]), denoiser.holes([[5, MASK, 2, 6], [6, MASK]])
    told = {"process": denoiser.process, "length": 2, "guidance": Normalized(1.0), "sampler": dguide.FirstHitting()}
    with pytest.raises(InputError, match=r"got torch.int64 \[2, 1\].*prompts\(rows, like=condition\)"):
        sample(denoiser, condition=condition, reference=denoiser.prompts([[8], [8]]), **told)
    with pytest.raises(InputError, match=r"got torch.int64 \[1, 3\].*It has a row for each sample"):
        sample(denoiser, condition=condition, reference=denoiser.prompts([[8]], 3), **told)
    near, wide = (denoiser.prompts([[8], [5]], **way) for way in ({"like": condition}, {"width": 3}))
    assert all(torch.equal(near[part], wide[part]) for part in ("prompt", "real"))
    assert denoiser.holes([[MASK], [MASK, 8]], like=text)["hole"].shape == (2, 4)
    with pytest.raises(InputError, match=r"prompts: got .* 5 tokens, expected 2 of at most 4, .*width=5\)"):
        denoiser.holes([[5, 6, 7, 8, MASK]], like=text)
    with pytest.raises(InputError, match=r"condition: got Tensor.*prompts\(\) of the denoiser"):
        denoiser.prompts([[8]], like=condition["prompt"])
    with pytest.raises(InputError, match=r"prompts: got a tensor, .*Leave out return_tensors"):
        denoiser.prompts(condition["prompt"])


def test_a_model_that_takes_other_arguments_is_refused():
    denoiser = adapt(lambda input_ids: torch.zeros(*input_ids.shape, VOCAB), LANGUAGES["llada"])
    with pytest.raises(
        InputError,
        match=r"arguments of the model: got an unexpected keyword .*attention_mask.*that takes tokens, attention_mask",
    ):
        denoiser(IDS, TIME, denoiser.prompts([[5], [5, 6], [7]]))

    def broken(input_ids, attention_mask):
        return torch.zeros(*input_ids.shape, VOCAB) + "1"

    with pytest.raises(TypeError, match="unsupported operand"):
        adapt(broken, LANGUAGES["llada"])(IDS, TIME, None)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"guidance": 1.0}, r"guidance: got 1.0, .*Normalized\(weight=...\)"),
        ({"process": None}, r"process: got None, .*denoiser\.process"),
        ({"denoiser": lambda *given: SimpleNamespace(logits=None)}, r"\[B, L, V\].*dguide\.adapt"),
    ],
)
def test_who_forgets_a_part_of_a_call_is_told_which(changed, said):
    denoiser = adapt(Language(VOCAB).eval(), LANGUAGES["llada"])
    told = {"denoiser": denoiser, "process": denoiser.process, "guidance": None, "sampler": dguide.FirstHitting()}
    told = told | changed
    with pytest.raises(InputError, match=said):
        sample(told.pop("denoiser"), length=2, count=2, **told)


def test_all_mistakes_of_a_convention_are_told_at_once():
    with pytest.raises(InputError) as found:
        Convention(vocab_size=4, time="sigma", steps=3, null="mask", columns=2, forbidden=(9,), kept=(-1,))
    said = str(found.value)
    for part in ("steps: got 3", "longest: got none", "'mask' without mask_id", "columns: got 2", "[9]", "(-1,)"):
        assert part in said


LLADA = dguide.adapt(lambda ids, attention_mask: ids, "llada", vocab_size=9, mask_id=8)
SDAR = dguide.adapt(lambda ids, **told: ids, "sdar", vocab_size=9, mask_id=8)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: LLADA.prompts(3), "prompts: got 3, expected a list with a list of tokens"),
        (lambda: LLADA.prompts([[1], None]), "prompts: got for sample 1 None"),
        (lambda: LLADA.prompts([["a"]], width=-1), r"(?s)prompts: got for sample 0 \['a'\].*width of prompts: got -1"),
        (lambda: LLADA.prompts([[1.5]]), r"sample 0 \[1.5\], .* which are ints"),
        (lambda: LLADA.prompts([[-1]]), r"sample 0 \[-1\]"),
        (lambda: LLADA.holes([8]), "prompts: got for sample 0 8"),
        (lambda: LLADA.prompts([[1]], like=3), "condition: got int"),
        (lambda: SDAR.prompts([[1]], like=LLADA.prompts([[1]])), "condition: got a dict of prompt, real"),
        (
            lambda: SDAR.prompts([[1], [2]], like=SDAR.prompts([[1]])),
            "2 of up to 1 tokens, expected 1 of at most 1",
        ),
        (
            lambda: SDAR.prompts([[1]], 3, like=SDAR.prompts([[1]])),
            "width of prompts: got 3, expected none",
        ),
    ],
)
def test_prompts_that_are_none_are_refused(made, said):
    with pytest.raises(InputError, match=said):
        made()


def test_rows_of_prompts_may_be_tensors():
    wanted = LLADA.prompts([[1, 2], [3, 4]])
    rows = [torch.tensor([1, 2]), torch.tensor([3, 4]).numpy()]
    assert LLADA.prompts(rows)["prompt"].equal(wanted["prompt"])
