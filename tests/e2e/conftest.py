"""What the tests of the whole program need beside it: the detector's networks, clips, a camera, a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import pytest
from clips import Picture, read_clip, repeat_clip, write_clip
from command import rtpose
from extras import IN_CI
from mjpeg import MjpegStream
from pages import DESKTOP, FLAGS, Keep, OpenPage
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from rtpose.assets import sample_clip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pages are drawn in software: every test with a browser is a slow one."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.slow)


def missing(reason: str) -> None:
    """Skip; where everything has to be there, fail."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"):
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if not Path(own).is_file():
        missing("no Chromium on this machine: install it, or run `playwright install chromium`")
    return own


@pytest.fixture(scope="session")
def web_packages() -> Path:
    """The page's packages from npm, which building the page has installed."""
    folder = Path(__file__).parents[2] / "web" / "node_modules"
    if not (folder / "@pixiv" / "three-vrm").is_dir():
        missing("the page's packages are not installed: cd web && npm ci")
    return folder


@pytest.fixture(scope="session")
def open3d_and_display() -> None:
    """Open3D is installed, and a virtual display can be made."""
    if find_spec("open3d") is None:
        missing("the extra open3d is not installed")
    if shutil.which("Xvfb") is None:
        missing("no virtual display on this machine: apt install xvfb")


@pytest.fixture(scope="session")
def sample_pictures() -> list[Picture]:
    """All frames of the embedded sample."""
    return read_clip(sample_clip())


@pytest.fixture(scope="session")
def short_clip(sample_pictures: list[Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 30 frames of the sample."""
    return write_clip(tmp_path_factory.mktemp("clips") / "short.mp4", sample_pictures[:30])


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample a hundred times over: minutes of work, to be ended before."""
    return repeat_clip(sample_clip(), tmp_path_factory.mktemp("clips") / "long.mp4", 100)


@pytest.fixture(scope="session")
def sample_poses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which `rtpose video` has written poses.npz and overlay.mp4 of the sample."""
    folder = tmp_path_factory.mktemp("sample")
    run = rtpose("video", sample_clip(), "--out", "poses.npz", "--overlay", "overlay.mp4", cwd=folder)
    assert run.returncode == 0, run.stderr
    return folder


@pytest.fixture(scope="session")
def jpegs(sample_pictures: list[Picture]) -> list[bytes]:
    """The sample's frames as a camera sends them."""
    return [cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes() for picture in sample_pictures]


@pytest.fixture
def camera(jpegs: list[bytes]) -> Iterator[MjpegStream]:
    """The sample as a camera with 30 frames a second."""
    stream = MjpegStream(jpegs, fps=30)
    yield stream
    stream.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Pages in contexts of their own; none may have an error in its console."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # The browser itself reports every connection that it could not make.
        if message.type == "error" and "ERR_CONNECTION_REFUSED" not in message.text:
            complaints.append(message.text)

    def open_it(
        url: str,
        size: tuple[int, int] = DESKTOP,
        settings: dict[str, object] | None = None,
        before: Callable[[Page], object] = lambda page: None,
        **options: Any,
    ) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        if settings is not None:
            stored = json.dumps(json.dumps(settings))
            context.add_init_script(f"localStorage.rtpose ??= {stored}")
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_default_timeout(60_000)
        before(page)
        page.goto(url)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def keep(tmp_path_factory: pytest.TempPathFactory) -> Keep:
    """Screenshots go into one folder of pytest's."""
    folder = tmp_path_factory.mktemp("screenshots")

    def keep_it(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    return keep_it
