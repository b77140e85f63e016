"""Prints a page to PDF with a browser of the Chromium family."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError, bad
from ...files import replacing

__all__ = ["find_browser", "pdf"]

_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
    "microsoft-edge-stable",
    "headless_shell",
)
_INSTALLED = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
    r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles%\Microsoft\Edge\Application\msedge.exe",
    r"%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe",
)
"""Where browsers are on macOS and Windows, which do not put them on the path of commands."""
_PLAYWRIGHT = ("~/.cache/ms-playwright", "~/Library/Caches/ms-playwright", r"%LocalAppData%\ms-playwright")
_IN_PLAYWRIGHT = (
    "chromium-*/chrome-*/chrome",
    "chromium-*/chrome-*/chrome.exe",
    "chromium-*/chrome-*/*.app/Contents/MacOS/*",
    "chromium_headless_shell-*/chrome-*/*headless*shell*",
)
_SECONDS = 120
"""Most time for one page."""


def pdf(html_path: Path, pdf_path: Path, browser: Path | None = None) -> None:
    """Prints a page on A4. The file appears only when it is complete.

    Args:
        html_path: The page.
        pdf_path: The PDF file.
        browser: Chromium, Chrome or Edge; by default the environment variable `DGUIDE_BROWSER`, or the one that is
            found.

    Raises:
        InputError: If no browser is found, or if it makes no PDF file; the message has what the browser said.
    """
    program = find_browser() if browser is None else browser
    if not html_path.is_file():
        raise bad("page", str(html_path), "a file that exists")
    with replacing(pdf_path) as temporary, tempfile.TemporaryDirectory() as profile:
        command = [
            str(program),
            "--headless",
            "--disable-gpu",
            "--disable-extensions",
            "--no-first-run",
            "--no-pdf-header-footer",
            "--print-to-pdf-no-header",  # its name before version 112
            f"--user-data-dir={profile}",
            *(["--no-sandbox"] if _is_root() else []),
            f"--print-to-pdf={temporary.absolute()}",
            html_path.absolute().as_uri(),
        ]
        said = _run(command)
        if not temporary.read_bytes().startswith(b"%PDF"):
            raise InputError(f"{program} made no PDF file of {html_path}. It said: {said[-2000:] or 'nothing'}")


def find_browser() -> Path:
    """The first browser of the Chromium family that is found.

    Raises:
        InputError: If there is none, with what to install.
    """
    named = os.environ.get("DGUIDE_BROWSER")
    if named:
        found = shutil.which(named)
        if not found:
            raise bad("DGUIDE_BROWSER", named, "a program that can be run")
        return Path(found)
    for path in _browsers():
        return path
    raise bad(
        "browser for PDF",
        "none",
        "Chromium, Chrome or Edge",
        "Install one, as with `apt install chromium` or `pip install playwright && playwright install chromium`, or "
        "name one in the environment variable DGUIDE_BROWSER. The HTML page prints to PDF from any browser.",
    )


def _browsers() -> Iterator[Path]:
    yield from (Path(found) for name in _NAMES if (found := shutil.which(name)))
    yield from (path for each in _INSTALLED if (path := Path(os.path.expandvars(each))).is_file())
    for folder in map(_expanded, (os.environ.get("PLAYWRIGHT_BROWSERS_PATH", ""), *_PLAYWRIGHT)):
        for pattern in _IN_PLAYWRIGHT:  # the newest version first
            yield from sorted((path for path in folder.glob(pattern) if os.access(path, os.X_OK)), reverse=True)


def _expanded(folder: str) -> Path:
    """A folder with its variables filled in; one that does not exist if there is no name or no home directory."""
    return Path(os.path.expanduser(os.path.expandvars(folder or "/nowhere")))


def _is_root() -> bool:
    """Whether Chromium would refuse its sandbox, as it does for root. The page holds no code but that of dguide."""
    return sys.platform != "win32" and os.geteuid() == 0


def _run(command: list[str]) -> str:
    """What a browser says. Its exit status says little: some return 0 without a file."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"nothing within {_SECONDS} seconds"
    except OSError as error:
        return str(error)
    return (done.stderr + done.stdout).decode(errors="replace").strip()
