"""The way of the token to the browser: other users of the machine must not see it."""

import html
import os
import stat
import sys
import time
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from rtpose.server import browser
from rtpose.server.browser import open_in_browser, write_redirect

URL = "http://127.0.0.1:8765/?token=s3cret&a=%22"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    monkeypatch.setattr(browser, "_folder", lambda: tmp_path)
    return addresses


def test_the_command_line_of_the_browser_has_no_token(opened: list[str]) -> None:
    open_in_browser(URL, is_secret=True)
    (address,) = opened
    assert "s3cret" not in address
    file = Path(url2pathname(urlsplit(address).path))
    assert f'content="0; url={html.escape(URL)}"' in file.read_text()
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_file_goes_after_a_while(opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "KEPT_S", 0.05)
    open_in_browser(URL, is_secret=True)
    deadline = 200
    while list(tmp_path.iterdir()) and deadline:
        deadline -= 1
        time.sleep(0.05)
    assert not list(tmp_path.iterdir())


def test_an_address_without_a_token_is_opened_itself(opened: list[str], tmp_path: Path) -> None:
    open_in_browser("http://127.0.0.1:8765/", is_secret=False)
    assert opened == ["http://127.0.0.1:8765/"]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_stops_nothing(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "_folder", lambda: Path("/no/such/folder"))
    open_in_browser(URL, is_secret=True)
    assert opened == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere browsers see the temporary folder")
def test_sandboxed_browsers_find_the_file_among_the_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert browser._folder() is None
    (tmp_path / "Downloads").mkdir()
    assert write_redirect(URL).parent == tmp_path / "Downloads"
