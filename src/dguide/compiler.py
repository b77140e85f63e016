"""C source turned into a loaded library by the compiler of the machine, once a user and machine.

Nothing here is ever needed: without a compiler, without a place to write, or on any failure there is no library, and
one line of logging at level DEBUG says why. The environment variable `DGUIDE_COMPILED=0`, read when a library is first
asked for, turns all of it off.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["COMPILERS", "Unavailable", "cache_directory", "compiled"]

COMPILERS = ("cc", "gcc", "clang")

_FLAGS = ["-O3", "-march=native", "-std=gnu11", "-fopenmp-simd", "-funroll-loops"]
_FLAGS += ["-fno-math-errno", "-fno-trapping-math"]
"""What it takes to make vectors of the loops; -fopenmp-simd brings no library with it.

None changes what NaN and infinity do. Nor would -fno-signed-zeros, but with it GCC 12 leaves terms out of a sum that
has a condition in it and adds float32 up in float64.
"""

_SECONDS = 60


class Unavailable(Exception):
    """Why there is no library."""


def compiled(source: Path, before: Sequence[Path] = ()) -> ctypes.CDLL | None:
    """The library made of one C file, from the cache of the user if it is there; None if it cannot be had.

    The files `before` are read first, in one piece with it.
    """
    if os.environ.get("DGUIDE_COMPILED") == "0":
        return None
    try:
        return ctypes.CDLL(str(_library(source, before)))
    except (Unavailable, OSError, RuntimeError, subprocess.SubprocessError) as reason:
        logging.getLogger(__name__).debug("%s is not compiled: %s", source.name, reason)
        return None


def cache_directory() -> Path:
    """Where libraries are kept, `$XDG_CACHE_HOME/dguide` or `~/.cache/dguide`; it need not exist.

    Raises:
        OSError: If there is no home directory.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (base if base.is_absolute() else Path.home() / ".cache") / "dguide"
    except RuntimeError as error:  # a user without HOME and without an account
        raise FileNotFoundError(f"no place for a cache: {error}") from error


def _library(source: Path, before: Sequence[Path] = ()) -> Path:
    """The file of the library, made if it is not there."""
    if os.name != "posix":
        raise Unavailable(f"{os.name} is not POSIX")
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise Unavailable("no " + ", ".join(COMPILERS))
    folder = cache_directory() / _identity(b"\0".join(path.read_bytes() for path in (*before, source)), compiler)
    for directory in (folder.parent, folder):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_ours(directory)
    for library in folder.glob(_name(source, "*")):
        _check_ours(library)
        if library.name == _name(source, _digest(library)):
            return library
        library.unlink(missing_ok=True)  # damaged: to run it could end the process
    return _compile(compiler, source, before, folder)


def _name(source: Path, digest: str) -> str:
    """The name of a library carries its SHA-256."""
    return f"{source.stem}.{digest}.so"


def _digest(library: Path) -> str:
    return hashlib.sha256(library.read_bytes()).hexdigest()


def _identity(source: bytes, compiler: str) -> str:
    """Changes with everything that the machine code depends on: homes are shared between machines."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True, timeout=_SECONDS).stdout
    parts = [source, " ".join(_FLAGS).encode(), compiler.encode(), version, _processor().encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


def _processor() -> str:
    """Name and instruction set of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.processor()]
    told = {"model name", "flags", "Features", "CPU implementer", "CPU part"}
    return "\n".join([platform.machine(), *sorted({line for line in lines if line.split("\t")[0].strip() in told})])


def _check_ours(path: Path) -> None:
    """Code is loaded only from what no other user can write to."""
    status = path.lstat()
    others = stat.S_IWOTH if _nobody_else_in(status.st_gid) else stat.S_IWGRP | stat.S_IWOTH
    if stat.S_ISLNK(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & others:
        raise Unavailable(f"{path} may be written by others")


def _nobody_else_in(group: int) -> bool:
    """Whether it is the user's own group, as where the umask is 002."""
    import grp
    import pwd

    try:
        user, found = pwd.getpwuid(os.getuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return user.pw_gid == group and user.pw_name == found.gr_name and set(found.gr_mem) <= {user.pw_name}


def _compile(compiler: str, source: Path, before: Sequence[Path], folder: Path) -> Path:
    """Compile under another name first: whoever else looks sees the whole library or none."""
    handle, name = tempfile.mkstemp(suffix=".so", prefix=".", dir=folder)
    os.close(handle)
    try:
        included = [word for path in before for word in ("-include", str(path))]
        command = [compiler, *_FLAGS, "-fPIC", "-shared", *included, str(source), "-o", name, "-lm"]
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS)
        if done.returncode:
            raise Unavailable(f"{' '.join(command)} failed: {done.stderr.decode(errors='replace')[-500:]}")
        os.chmod(name, 0o700)
        with open(name, "rb+") as file:  # a linker may have made another file of that name
            os.fsync(file.fileno())
        library = folder / _name(source, _digest(Path(name)))
        os.replace(name, library)
    finally:
        Path(name).unlink(missing_ok=True)
    return library
