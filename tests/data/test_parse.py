from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dguide.data import load
from dguide.data.parse import parse_data


def plain(side: int = 28, share: float = 0.5, grey: bool = True) -> Any: ...


def files(path: Path, size: int | None = None, name: str = "x") -> Any: ...


LOADERS = {"plain": plain, "files": files}


@pytest.mark.parametrize(
    ("text", "loader", "arguments"),
    [
        ("plain", plain, {}),
        ("plain:side=14, share=.25,grey=false", plain, {"side": 14, "share": 0.25, "grey": False}),
        ("files:a/b c.csv", files, {"path": Path("a/b c.csv")}),
        ("files:C:/data,size=3", files, {"path": Path("C:/data"), "size": 3}),
        ("files:path=a=b,name=漢", files, {"path": Path("a=b"), "name": "漢"}),
        ("files:a=b", files, {"path": Path("a=b")}),
        ("files:a, b,c,size=4", files, {"path": Path("a, b,c"), "size": 4}),
    ],
)
def test_a_name_with_options_is_a_call(text: str, loader: Any, arguments: dict[str, Any]) -> None:
    assert parse_data(text, LOADERS) == (loader, arguments)


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_data("files:~/x y,size=3", LOADERS) == (files, {"path": tmp_path / "x y", "size": 3})
    assert parse_data("files:~nobody-of-this-name/x", LOADERS)[1] == {"path": Path("~nobody-of-this-name/x")}
    (tmp_path / "x.csv").write_text("seq,kind\n" + "".join(f"{'A' * n},0\n{'C' * n},1\n" for n in range(1, 7)))
    assert load("csv:~/x.csv,label=kind").vocab_size == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plan", r"data set.*'plan'.*plain"),
        ("plain:seide=14", r"option of plain.*'seide'.*side"),
        ("plain:14", r"'14'.*side, share, grey"),
        ("plain:side=14.5", r"side of plain: got '14.5', expected int"),
        ("plain:grey=maybe", "true or false"),
        ("files", r"no path.*files:PATH"),
        ("files:size=3", r"no path"),
        ("files:", r"no path"),
        ("files:a,size=big", r"size of files.*'big'.*int"),
    ],
)
def test_mistakes_are_told_with_what_there_is(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_data(text, LOADERS)


def test_load_takes_the_same_form() -> None:
    with pytest.raises(ValueError, match=r"option of digits: got 'side'|option of digits"):
        load("digits:side=4")
