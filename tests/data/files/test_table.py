from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from dguide import checkpoint
from dguide.data import Above, Dataset, Strings, Value, load
from dguide.data.files import texts as tokenising
from dguide.train import TrainConfig, train
from tests.data.loaders import rows, whole

HEAD = "smiles,kind,mass\n"
ROWS = [f"{'C' * (n % 5 + 1)}{'NO'[n % 2]},{'amine' if n % 2 == 0 else 'アルコール'},{n}\n" for n in range(20)]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "parts.csv", HEAD + "".join(ROWS))


def test_strings_with_their_classes(good: Path) -> None:
    data = load(f"csv:{good},text=smiles,label=kind,split=smiles")
    assert data.class_names == ("amine", "アルコール")
    assert data.conditions[0].name == "kind"
    assert isinstance(data.codec, Strings)
    assert data.codec.words[3:] == ("C", "N", "O")
    texts = data.codec.decode(whole(data).tokens)
    assert sorted(texts) == sorted(row.split(",")[0] for row in ROWS)
    assert load(data.name).digest == data.digest


def test_a_number_is_told_as_it_is_or_as_above_its_percentile(good: Path) -> None:
    number = load(f"csv:{good},text=smiles,property=mass").conditions[0]
    assert isinstance(number, Value)
    assert number.center == 9.5
    above = load(f"csv:{good},text=smiles,property=mass,percentile=90")
    assert isinstance(above.conditions[0], Above)
    assert above.conditions[0].threshold == pytest.approx(17.1)
    assert int(whole(above).labels.sum()) == 2
    both = load(f"csv:{good},text=smiles,label=kind,property=mass")
    assert both.sizes == {"kind": 2, "mass": 0}
    masses = whole(both).properties["mass"]
    assert sorted(masses.tolist()) == list(range(20))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_files_as_spreadsheets_write_them(tmp_path: Path, ending: str, delimiter: str) -> None:
    """With a byte order mark, Windows line ends, any delimiter, quoted delimiters and quoted line breaks."""
    text = (HEAD + "".join(ROWS)).replace(",", delimiter).replace("\n", ending)
    text += f'"C{delimiter}C{ending}C"{delimiter}"amine"{delimiter}3{ending}'
    path = write(tmp_path / "it.csv", text, "utf-8-sig")
    data = load(f"csv:{path},text=smiles,label=kind,property=mass")
    assert data.conditions[0].name == "kind"
    assert isinstance(data.codec, Strings)
    texts = data.codec.decode(whole(data).tokens)
    assert f"C{delimiter}C{ending}C" in texts
    assert len(texts) == 21


def test_the_only_column_left_is_that_of_the_strings(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.csv", "seq,kind\n" + "".join(f"{'ACGT'[n % 4]}{'ACGT'[n // 4]},{n % 2}\n" for n in range(12))
    )
    assert load(f"csv:{path},label=kind").length == 4


def test_lines_that_cannot_be_used_are_left_out_and_listed_by_number(tmp_path: Path) -> None:
    bad = [
        "CC,,1\n",  # 22
        ",amine,1\n",
        "CC,amine,heavy\n",
        "CC,amine,nan\n",
        "CC,amine\n",
        "CC,amine,1,2\n",
        "C1CC,amine,1\n",  # 28: an open ring
        "CCCCCCCCCC,amine,1\n",
        "\n",
        "CN,amine,1\n",  # 31
    ]
    path = write(tmp_path / "it.csv", HEAD + "".join(ROWS) + "".join(bad))
    data = load(f"csv:{path},text=smiles,label=kind,property=mass,split=smiles,length=9")
    assert len(whole(data)) == 21
    listed = {each.what.rpartition(":")[2]: each.why for each in data.skipped}
    assert sorted(listed) == [str(line) for line in range(22, 30)]
    reasons = [
        "no kind",
        "empty string",
        "'heavy', no number",
        "mass is nan",
        "2 fields",
        "4 fields",
        "RDKit rejects 'C1CC'",
    ]
    for line, reason in enumerate([*reasons, "12 tokens, more than 9"], 22):
        assert reason in listed[str(line)]


def texts(data: Dataset) -> list[str]:
    assert isinstance(data.codec, Strings)
    return sorted(data.codec.decode(whole(data).tokens))


MORE = [first + second + third for first in "AC" for second in "AC" for third in "AC"]


@pytest.mark.parametrize("start", ["\n\n", "sep=;\n", '"sep=;"\r\n\n', ";;;\n", "SEP=;\n;;;\n"])
def test_what_stands_before_the_names_does_not_decide_what_divides_columns(tmp_path: Path, start: str) -> None:
    text = (
        start
        + '"name, in full, or not"; seq ;kind\nx;A;0\ny;C;1\n'
        + "".join(f"z;{each};{number % 2}\n" for number, each in enumerate(MORE))
        + ";;\n"
    )
    data = load(f"csv:{write(tmp_path / 'it.csv', text)},text=seq,label=kind")
    assert texts(data) == sorted(["A", "C", *MORE])
    assert [(each.what, each.why) for each in data.skipped] == [(f"it.csv:{text.count(chr(10))}", "no kind")]


def test_any_separator_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "it.csv", "sep=^\nseq^kind\n" + "".join(f"A,{n}^0\n{n};A^1\n" for n in range(6)))
    assert {"A,3", "3;A"} < set(texts(load(f"csv:{path},label=kind")))


def test_quotes_that_are_closed_are_read_as_they_are_meant(tmp_path: Path) -> None:
    odd = '"a ""b"" c",0\n"",1\n"a\nb",0\n"a,b",1\na"b,0\na,1\nb,1\n'
    data = load(f"csv:{write(tmp_path / 'it.csv', 'seq,kind' + chr(10) + odd * 4)},label=kind")
    assert set(texts(data)) == {'a "b" c', "a\nb", "a,b", 'a"b', "a", "b"}
    assert [each.why for each in data.skipped if each.what.startswith("it.csv")] == ["an empty string"] * 4


@pytest.mark.parametrize("stray", ['"AC,0\n', 'A,"0\n', '"A"C,0\n'])
def test_a_quote_that_is_not_closed_is_refused_and_takes_no_other_lines_in(tmp_path: Path, stray: str) -> None:
    path = write(tmp_path / "it.csv", "seq,kind\n" + "A,0\nC,1\n" * 5 + stray + "A,0\nC,1\n" * 50)
    with pytest.raises(ValueError, match=r"after line 11, expected a CSV file. Look from line 12 on for a quote"):
        load(f"csv:{path},label=kind")


def test_blanks_after_a_separator_are_no_part_of_quotes(tmp_path: Path) -> None:
    text = "kind, seq\n" + "".join(f'{n % 2}, "A{n}, C"\n' for n in range(12))
    assert set(texts(load(f"csv:{write(tmp_path / 'it.csv', text)},label=kind"))) == {f"A{n}, C" for n in range(12)}


def test_columns_that_differ_in_the_form_of_an_accent_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "it.csv", "seq,M\u00e4rz,Ma\u0308rz\n" + "A,0,1\nC,1,0\n" * 6)
    with pytest.raises(ValueError, match="M\u00e4rz more than once"):
        load(f"csv:{path},text=seq,label=M\u00e4rz")
    path = write(tmp_path / "it.csv", "seq,Ma\u0308rz\n" + "".join(f"A{n},{n % 2}\n" for n in range(12)))
    assert load(f"csv:{path},label=M\u00e4rz").conditions[0].name == "M\u00e4rz"


def test_one_long_string_among_many_is_left_out_before_the_work(tmp_path: Path) -> None:
    """It would pad all others, to 160 GB of tokens."""
    text = "seq,kind\n" + "".join(f"{n:x},{n % 2}\n" for n in range(20_000)) + f"{'A' * 1_000_000},1\n"
    data = load(f"csv:{write(tmp_path / 'it.csv', text)},label=kind")
    assert data.length == 6
    why = "1000002 tokens: all would be padded to it; 6 is the next"
    assert [(each.what, each.why) for each in data.skipped] == [("it.csv:20002", why)]
    with pytest.raises(ValueError, match=r"20,001 of 1,000,002 tokens.*at most 536,870,912.*length=NUMBER"):
        load(f"csv:{tmp_path / 'it.csv'},label=kind,length=1000002")


def test_strings_that_are_too_long_are_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RDKit takes long for thousands of fused rings."""
    parsed: list[str] = []
    usual = tokenising.unparsed
    monkeypatch.setattr(tokenising, "unparsed", lambda given: usual([parsed.append(each) or each for each in given]))
    text = "seq,kind\n" + "".join(f"{'C' * (n + 1)},{n % 2}\n" for n in range(30))
    data = load(f"csv:{write(tmp_path / 'it.csv', text)},label=kind,split=smiles,length=20")
    assert max(map(len, parsed)) == 18
    assert len(data.skipped) == 12


def test_fields_may_be_long(tmp_path: Path) -> None:
    text = "seq,kind\n" + "".join(f"A{n},0\nC{n},1\n" for n in range(6)) + f"{'A' * 200_000},1\n"
    data = load(f"csv:{write(tmp_path / 'it.csv', text)},label=kind,length=8")
    assert [(each.what, each.why) for each in data.skipped] == [("it.csv:14", "200002 tokens, more than 8")]


@pytest.mark.parametrize(("alphabet", "length"), [("ACGT", 300), ("ACDEFGHIKLMNPQRSTVWY", 450)])
def test_sequences_of_dna_and_of_proteins(tmp_path: Path, alphabet: str, length: int) -> None:
    draw = random.Random(0)
    made = ["".join(draw.choices(alphabet, k=draw.randint(length // 2, length))) for _ in range(60)]
    text = "id\tsequence\tfamily\n" + "".join(f"{n}\t{each}\tF{n % 3}\n" for n, each in enumerate(made))
    data = load(f"csv:{write(tmp_path / 'it.tsv', text)},text=sequence,label=family")
    assert texts(data) == sorted(made)
    assert (data.vocab_size, data.length) == (len(alphabet) + 3, max(map(len, made)) + 2)
    assert not data.skipped


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("seq,kind,mass,kind\nA,0,1,2\n", "text=seq,label=mass", "kind more than once.*different names"),
        (HEAD + "".join(ROWS), "text=smiles,label=kind,property=kind", "kind for two things"),
        (HEAD + "".join(ROWS), "text=kind,label=kind", "kind for two things"),
        (HEAD + "".join(ROWS), "", "no label and no property.*smiles.*kind.*mass"),
        (HEAD + "".join(ROWS), "label=kid", "column.*'kid'.*kind"),
        (HEAD + "".join(ROWS), "label=kind", "no text.*smiles, mass"),
        (HEAD + "".join(ROWS), "text=smiles,label=kind,split=words", "characters, smiles"),
        (HEAD + "".join(ROWS), "text=smiles,label=kind,length=1", "at least 2"),
        (HEAD + "".join(ROWS), "text=smiles,label=kind,percentile=50", "property=COLUMN"),
        (HEAD + "".join(ROWS), "text=smiles,property=mass,percentile=100", "between 0 and 100"),
        (HEAD + "C,a,1\n" * 9, "text=smiles,label=kind", "'a'.*at least two"),
        (HEAD + "C,a,1\nN,b,1\n" * 9, "text=smiles,property=mass", "1.0 everywhere"),
        (HEAD, "text=smiles,label=kind", "nothing usable"),
        ("", "text=smiles,label=kind", "column"),
        (HEAD + "C,,\n" * 3, "text=smiles,label=kind", r"nothing usable \(3 left out: it.csv:2: no kind"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, text: str, options: str, message: str) -> None:
    path = write(tmp_path / "it.csv", text)
    with pytest.raises(ValueError, match=message):
        load(f"csv:{path},{options}".rstrip(","))


@pytest.mark.parametrize("encoding", ["utf8", "UTF_8", "U8", "utf-8"])
def test_a_mark_of_byte_order_is_no_part_of_the_first_name(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "it.csv", HEAD + "".join(ROWS), "utf-8-sig")
    assert load(f"csv:{path},text=smiles,label=kind,encoding={encoding}").vocab_size == 6


def test_classes_are_the_same_however_their_accents_are_written(tmp_path: Path) -> None:
    path = write(
        tmp_path / "it.csv", "seq,kind\n" + "".join(f"A{n},M\u00e4rz\nC{n},Ma\u0308rz\nG{n},April\n" for n in range(6))
    )
    assert load(f"csv:{path},label=kind").class_names == ("April", "M\u00e4rz")


def test_other_encodings_are_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "it.csv", HEAD + "".join(ROWS), "cp932")
    with pytest.raises(ValueError, match=r"no utf-8.*after line \d.*encoding=NAME, such as cp932"):
        load(f"csv:{path},text=smiles,label=kind")
    assert load(f"csv:{path},text=smiles,label=kind,encoding=cp932").class_names == ("amine", "アルコール")
    for order in ("utf-16", "utf-16-le", "utf-16-be"):
        mark = "" if order == "utf-16" else "\ufeff"
        wide = write(tmp_path / f"{order}.csv", mark + HEAD + "".join(ROWS), order)
        with pytest.raises(ValueError, match=r"no utf-8 after line 0, expected text in utf-8. Pass encoding=utf-16\."):
            load(f"csv:{wide},text=smiles,label=kind")
        assert len(rows(load(f"csv:{wide},text=smiles,label=kind,encoding=utf-16"))) == 20
    with pytest.raises(ValueError, match="no utf-16 after line 0"):
        load(f"csv:{path},text=smiles,label=kind,encoding=utf-16")
    for name in ("klingon", "hex"):  # the second is none of text
        with pytest.raises(ValueError, match=rf"encoding.*{name}.*one that Python knows"):
            load(f"csv:{path},text=smiles,label=kind,encoding={name}")
    with pytest.raises(ValueError, match="no file"):
        load(f"csv:{tmp_path / 'none.csv'},label=kind")


def test_a_network_learns_from_a_table(good: Path, tmp_path: Path) -> None:
    small = {"steps": 2, "width": 16, "layers": 1, "batch_size": 4, "evaluate_passes": 1, "device": "cpu"}
    data = f"csv:{good},text=smiles,label=kind,property=mass"
    assert train(TrainConfig(out=tmp_path / "run", data=data, **small)).finished  # type: ignore[arg-type]
    found = checkpoint.load(tmp_path / "run")
    assert isinstance(found.codec, Strings)
    assert [condition.name for condition in found.conditions] == ["kind", "mass"]
    assert "CN" in found.codec.decode(torch.tensor(rows(load(data))))
