"""The library in C: its exponential, where it comes from, and that nothing depends on it."""

from __future__ import annotations

import gc
import grp
import hashlib
import logging
import os
import pwd
import shutil
import stat
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from drawers import COMPILED, FAST, NO_LIBRARY, NOTHING, full, noise, uniforms
from processes import python
from torch import Tensor

from dguide import compiler
from dguide.categorical import Decoding, DrawRequest, LogitRows, compiled, guided, guided_draw, vectorised
from dguide.random import Stream, uniform

SOURCE = Path(compiled.__file__).with_suffix(".c")
needs_library = pytest.mark.skipif(bool(NO_LIBRARY), reason=NO_LIBRARY)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty place for libraries, and no library loaded yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("DGUIDE_COMPILED", raising=False)
    compiled.library.cache_clear()
    yield tmp_path / "dguide"
    compiled.library.cache_clear()


def exponential(x: Tensor) -> Tensor:
    code, e = compiled.library(), torch.empty_like(x)
    assert code is not None
    code.dguide_exp(x.data_ptr(), e.data_ptr(), len(x))
    return e.double() * 2.0**-40


@needs_library
def test_exponential_to_two_units_in_the_last_place() -> None:
    ends = torch.tensor([0.0, -1e-30, -1e-7, -0.3465, -0.3466, -87.3, -87.4, -103.9, -103.97])
    x = torch.cat((torch.linspace(-103.97, 0, 2_000_000), -torch.logspace(-12, 2, 100_000), ends))
    wanted = x.double().exp()
    unit = 2.0 ** torch.floor(torch.log2(wanted)) * 2.0**-23
    assert float(((exponential(x) - wanted).abs() / unit).max()) <= 2


@needs_library
def test_exponential_beyond_the_range() -> None:
    far = torch.tensor([-103.98, -104, -200, -1e4, -1e30, -3.4e38, -torch.inf])
    assert exponential(far).tolist() == [0.0] * 7
    assert exponential(torch.tensor([0.0])).item() == 1.0
    assert exponential(torch.tensor([torch.nan])).isnan().all()


def problem() -> tuple[LogitRows, LogitRows, Tensor, Tensor]:
    c, u = noise(2, 40, 600, seed=3).float()
    return LogitRows(c, torch.arange(40)), LogitRows(u, torch.arange(40)), full(40, 1.5), uniforms(40)


def falls_back() -> None:
    """There is no library, and draws are those of `vectorised`."""
    assert compiled.library() is None
    asked = torch.device("cpu"), torch.float32, Decoding()
    assert guided.implementation(*asked) is vectorised.fast
    wanted = FAST(*problem())
    assert torch.equal(guided_draw(*problem()).token, wanted.token)
    draws, served = compiled.fast(DrawRequest(*problem(), Decoding(), NOTHING, False, False))
    assert torch.equal(draws.token, wanted.token)
    assert bool(served.all())


def test_turned_off(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DGUIDE_COMPILED", "0")
    falls_back()
    assert not cache.exists()


def program(folder: Path, text: str) -> Path:
    path = folder / "strange-cc"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def no_compiler(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(compiler, "COMPILERS", ("there-is-no-such-compiler",))


def compiler_fails(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(compiler, "COMPILERS", (str(program(folder, 'test "$1" = --version')),))


def compiler_writes_rubbish(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(compiler, "COMPILERS", (str(program(folder, "exit 0")),))


def compiler_does_not_even_say_its_version(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(compiler, "COMPILERS", (str(program(folder, "exit 1")),))


def cache_is_a_file(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "dguide").write_text("")


def cache_cannot_be_made(folder: Path, patch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError("read-only file system")

    patch.setattr(Path, "mkdir", refuse)


def cache_is_open_to_others(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "dguide").mkdir()
    (folder / "dguide").chmod(0o777)


def cache_is_of_another_user(folder: Path, patch: pytest.MonkeyPatch) -> None:
    mine = os.getuid()
    patch.setattr(os, "getuid", lambda: mine + 1)


def cache_is_a_link(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "dguide").symlink_to(folder / "elsewhere")


def no_home(folder: Path, patch: pytest.MonkeyPatch) -> None:
    def refuse() -> Path:
        raise RuntimeError("could not determine home directory")

    patch.delenv("XDG_CACHE_HOME")
    patch.setattr(Path, "home", refuse)


def not_posix(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(compiler, "os", SimpleNamespace(name="nt", environ={}))


TROUBLES = [
    no_compiler,
    compiler_fails,
    compiler_writes_rubbish,
    compiler_does_not_even_say_its_version,
    cache_is_a_file,
    cache_cannot_be_made,
    cache_is_open_to_others,
    cache_is_of_another_user,
    cache_is_a_link,
    no_home,
    not_posix,
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_any_trouble_leads_back_to_pytorch(
    trouble, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="dguide")
    with monkeypatch.context() as patch:
        trouble(tmp_path, patch)
        assert compiled.library() is None
    falls_back()
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
    assert "compiled.c is not compiled" in caplog.text


@needs_library
def test_a_library_that_draws_something_else_is_not_used(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="dguide")
    source = SOURCE.read_text()
    for number, (right, wrong) in enumerate([("0.1666652f", "0.18f"), ("if (mask) forbid(z, mask, m);", "")]):
        assert right in source
        other = tmp_path / f"wrong{number}.c"
        other.write_text(source.replace(right, wrong))
        with monkeypatch.context() as patch:
            patch.setattr(compiled, "compiled", lambda path, other=other: compiler.compiled(other))
            compiled.library.cache_clear()
            assert compiled.library() is None
    assert caplog.text.count("compiled.c is not used") == 2
    falls_back()


@needs_library
def test_compiled_once_into_a_place_of_ones_own(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled.library() is not None
    (library,) = cache.rglob("*.so")
    for path in (cache, library.parent, library):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert list(library.parent.iterdir()) == [library]
    assert library.name == f"compiled.{hashlib.sha256(library.read_bytes()).hexdigest()}.so"
    written = library.stat().st_mtime_ns
    compiled.library.cache_clear()
    assert compiled.library() is not None
    assert library.stat().st_mtime_ns == written
    library.chmod(0o777)  # whoever wrote to it since, it is not loaded
    compiled.library.cache_clear()
    assert compiled.library() is None


DRAW = """
from dguide.categorical import compiled
print(compiled.library() is not None)
"""


@needs_library
def test_a_damaged_library_is_compiled_again(cache: Path) -> None:
    """Loaded by processes of their own, which a damaged one may end."""
    library = compiler._library(SOURCE)
    content = library.read_bytes()
    at = int.from_bytes(content[24:32], "little") or len(content) // 2  # within the code
    flipped = content[:at] + bytes(byte ^ 255 for byte in content[at : at + 4000]) + content[at + 4000 :]
    for damaged in (content[: len(content) // 2], flipped, b""):
        library.write_bytes(damaged)
        done = python("-c", DRAW)
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"True", b"")
        (library,) = cache.rglob("*.so")
        assert library.name == f"compiled.{hashlib.sha256(library.read_bytes()).hexdigest()}.so"


@needs_library
def test_a_group_of_ones_own_may_write_and_another_may_not(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="dguide")
    cache.mkdir()
    cache.chmod(0o775)  # as made under the umask 002
    me = pwd.getpwuid(os.getuid())
    for members, fits in ([], True), ([me.pw_name], True), ([me.pw_name, "guest"], False):
        group = SimpleNamespace(gr_name=me.pw_name, gr_mem=members)
        monkeypatch.setattr(grp, "getgrgid", lambda number, group=group: group)
        compiled.library.cache_clear()
        assert (compiled.library() is not None) == fits
    assert "may be written by others" in caplog.text


@needs_library
def test_another_source_or_compiler_is_another_library() -> None:
    found = next(filter(None, map(shutil.which, compiler.COMPILERS)))
    names = {compiler._identity(source, found) for source in (b"int a;", b"int b;")}
    assert len(names) == 2


@needs_library
def test_who_serves_what() -> None:
    cpu, plain = torch.device("cpu"), Decoding()
    for dtype in COMPILED.dtypes:
        assert guided.implementation(cpu, dtype, plain) is compiled.fast
    assert guided.implementation(cpu, torch.float32, Decoding(temperature=0)) is compiled.fast
    for asked in [
        (torch.device("meta"), torch.float32, plain),
        (cpu, torch.float64, plain),
        (cpu, torch.float32, Decoding(top_k=3)),
        (cpu, torch.float32, Decoding(top_p=0.5)),
    ]:
        assert guided.implementation(*asked) is vectorised.fast


SCRIPT = """
import os, pathlib, torch
from dguide.categorical import LogitRows, compiled, guided_draw
cache = pathlib.Path(os.environ["XDG_CACHE_HOME"])
assert not list(cache.iterdir()), "compiled on import"
torch.set_num_threads(2)
c = torch.randn(20, 60_000, generator=torch.Generator().manual_seed(0))
rows = LogitRows(c, torch.arange(20))
def draw():
    ones = torch.ones(20, dtype=torch.float64)
    return guided_draw(rows, rows, ones, ones / 2).token.tolist()
before = draw()
assert list(cache.rglob("*.so"))
assert compiled._pool.cache_info().currsize == 1, "no thread was asked for help"
child = os.fork()
if child == 0:
    os._exit(0 if draw() == before else 1)
assert os.waitpid(child, 0)[1] == 0, "a forked process draws something else"
"""


@needs_library
def test_nothing_is_compiled_on_import_and_processes_may_fork(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = python("-c", SCRIPT, env=environment)
    assert done.returncode == 0, done.stderr.decode()


ADDRESSES = """
import contextlib, torch
from dguide.categorical import LogitRows, guided_draw
from dguide.random import uniform
index, half, nothing = torch.arange(2), torch.full((2,), 0.5, dtype=torch.float64), torch.zeros(0, dtype=torch.int64)
rows = LogitRows(torch.randn(2, 300, generator=torch.Generator().manual_seed(0)), index)
with torch.device("meta"):  # any default device but the CPU, and one whose memory must not be touched
    torch.set_default_dtype(torch.float64)
    elsewhere = torch.zeros(2, dtype=torch.int64)
    print(guided_draw(rows, rows, half, half, forbidden=nothing).token.tolist())
    print(uniform(0, 1, index, index).tolist())
for asked in ((rows, rows, half, elsewhere), (rows, rows, elsewhere, half), (LogitRows(rows.values, elsewhere), None)):
    with contextlib.suppress(RuntimeError, ValueError):  # what PyTorch makes of it is its own affair
        guided_draw(*asked[:2], *(asked[2:] or (half, half)), forbidden=nothing)
try:
    uniform(0, 1, index, index.to("meta"))
except RuntimeError:
    print("refused")
"""


@needs_library
def test_no_address_is_passed_that_is_not_of_the_cpu() -> None:
    done = python("-c", ADDRESSES)
    assert done.returncode == 0, (done.returncode, done.stderr.decode())
    token, points, refused = done.stdout.decode().splitlines()
    logits = torch.randn(2, 300, generator=torch.Generator().manual_seed(0))
    rows = LogitRows(logits, torch.arange(2))
    assert token == str(guided_draw(rows, rows, full(2, 0.5), full(2, 0.5)).token.tolist())
    assert points == str(uniform(0, Stream.LANDING, torch.arange(2), torch.arange(2)).tolist())
    assert refused == "refused"


def test_what_threads_write_to_outlives_whoever_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    go, done, alive = threading.Event(), threading.Event(), []
    written = torch.zeros(3)
    watched = weakref.ref(written)

    def draw(task: bytes, start: int, stop: int) -> int:
        if start == 0:
            raise KeyboardInterrupt
        go.wait(60)
        alive.append(watched() is not None)
        done.set()
        return 0

    with pytest.raises(KeyboardInterrupt):
        compiled.run(draw, b"", 2, compiled._WORTH_THREADS, [written])
    del written
    gc.collect()
    go.set()
    assert done.wait(60)
    assert alive == [True]


def test_without_threads_the_caller_draws_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(compiled, "_pool", lambda threads: SimpleNamespace(submit=refuse))
    parts: list[tuple[int, int]] = []

    def draw(task: bytes, start: int, stop: int) -> int:
        parts.append((start, stop))
        return 0

    assert compiled.run(draw, b"", 5, compiled._WORTH_THREADS, []) == 0
    assert parts == [(0, 5)]
