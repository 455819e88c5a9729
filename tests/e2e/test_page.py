"""The page in a real browser, fed by the real command. Screenshots are kept in test-artifacts/."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import Picture
from command import running
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

pytestmark = pytest.mark.browser

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
DESKTOP, PHONE = (1280, 720), (390, 844)
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
"""WebGL without a graphics card, and without the sandbox that containers lack the rights for."""
OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """open(url, size) -> page; no page may have an error in its console."""
    pages: list[Page] = []
    complaints: list[str] = []

    def open_it(url: str, size: tuple[int, int] = DESKTOP) -> Page:
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        pages.append(page)

        def listen(message: ConsoleMessage) -> None:
            # The browser itself reports every connection that it could not make.
            if message.type == "error" and "ERR_CONNECTION_REFUSED" not in message.text:
                complaints.append(message.text)

        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_default_timeout(60_000)
        page.goto(url)
        return page

    yield open_it
    for page in pages:
        page.close()
    assert complaints == []


def wait_for(page: Page, condition: str) -> None:
    """Wait for a JavaScript condition; `body` is `document.body.dataset`.

    Asked from here, for the page's security policy lets nobody evaluate text in it later.
    """
    deadline_s = time.monotonic() + 60
    while not page.evaluate(f"(body => {condition})(document.body.dataset)"):
        assert time.monotonic() < deadline_s, (condition, page.evaluate("({...document.body.dataset})"))
        page.wait_for_timeout(50)


def wait_for_people(page: Page) -> None:
    wait_for(page, "body.state === 'live' && Number(body.frames) >= 5 && body.persons === '1'")


def keep(page: Page, name: str) -> None:
    """A screenshot for people to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=str(ARTIFACTS / f"{name}.png"))


def scene(page: Page) -> Picture:
    """The 3D scene alone, without anything that lies over it."""
    style = page.add_style_tag(content="body > :not(main), #labels { visibility: hidden !important }")
    png = page.screenshot()
    style.evaluate("element => element.remove()")
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def changed_pixels(a: Picture, b: Picture) -> int:
    return int((np.abs(a.astype(int) - b).max(2) > 40).sum())


def seek(page: Page, share: float) -> int:
    """Click on the time line; the frame that it then stands at."""
    box = page.locator("#scrub").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
    return int(page.input_value("#scrub"))


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_live_and_a_server_that_restarts(open_page: OpenPage, tmp_path: Path) -> None:
    demo = ("demo", "--loop", "--no-browser", "--port", free_port())
    with running(*demo, cwd=tmp_path) as command:
        page = open_page(command.page())
        wait_for_people(page)
        assert "sample.mp4" in page.title()
        wait_for(page, "Number(body.pictures) >= 3 && Number(body.latencyMs) > 0")
        assert float(page.evaluate("document.body.dataset.latencyMs")) < 5000
        assert re.search(r"Latency\s*\d+(\.\d+)? ms", page.inner_text("#numbers"))
        first = scene(page)
        frames = int(page.evaluate("document.body.dataset.frames"))
        wait_for(page, f"Number(body.frames) >= {frames + 15}")
        assert changed_pixels(first, scene(page)) > 300, "the skeleton does not move"
        keep(page, "live-desktop")
        command.kill()
    wait_for(page, "body.state === 'gone'")
    assert page.is_visible("#notice")
    keep(page, "gone-desktop")
    with running(*demo, cwd=tmp_path) as command:
        wait_for_people(page)
        assert not page.is_visible("#notice")


def test_video_with_the_page_on_a_phone(open_page: OpenPage, long_clip: Path, tmp_path: Path) -> None:
    with running(
        "video", long_clip, "--view", "--no-browser", "--port", "0", "--out", "poses.npz", cwd=tmp_path
    ) as command:
        page = open_page(command.page(), PHONE)
        wait_for_people(page)
        wait_for(page, "Number(body.pictures) >= 3 && Number(body.latencyMs) > 0")
        assert "long.mp4" in page.inner_text("#source")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width == PHONE[0], "the page is wider than the phone"
        keep(page, "live-phone")
        if os.name == "posix":
            command.end(signal.SIGINT)
            wait_for(page, "body.state === 'ended' || body.state === 'gone'")
            keep(page, "ended-phone")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_recording(size: tuple[int, int], open_page: OpenPage, sample_poses: Path, tmp_path: Path) -> None:
    with running("view", sample_poses / "poses.npz", "--no-browser", "--port", "0", cwd=tmp_path) as command:
        page = open_page(command.page(), size)
        wait_for(page, "body.state === 'recording' && Number(body.frames) >= 5 && body.persons === '1'")
        assert page.get_attribute("#scrub", "max") == "179"
        keep(page, f"recording-{'desktop' if size == DESKTOP else 'phone'}")

        # The time line: the recording stops there and shows that frame.
        shown = []
        for share in (0.25, 0.75):
            frame = seek(page, share)
            assert abs(frame / 179 - share) < 0.06
            page.wait_for_timeout(500)  # the camera of the scene follows
            assert int(page.input_value("#scrub")) == frame, "it plays on"
            shown.append((page.inner_text("#time"), scene(page)))
        assert shown[0][0] != shown[1][0]
        assert changed_pixels(shown[0][1], shown[1][1]) > 300
        page.click("#play")
        wait_for(page, f"document.getElementById('scrub').value !== '{frame}'")


def test_views_and_names(open_page: OpenPage, sample_poses: Path, tmp_path: Path) -> None:
    with running("view", sample_poses / "poses.npz", "--no-browser", "--port", "0", cwd=tmp_path) as command:
        page = open_page(command.page())
        wait_for(page, "body.state === 'recording' && Number(body.frames) >= 5")
        seek(page, 0.25)
        seen = {}
        for view in ("front", "side", "top"):
            page.click(f"[data-view={view}]")
            page.wait_for_timeout(1500)  # the camera flies there
            seen[view] = scene(page)
            keep(page, f"view-{view}")
        assert changed_pixels(seen["front"], seen["side"]) > 300
        assert changed_pixels(seen["side"], seen["top"]) > 300
        page.click("[data-view=front]")
        page.click("#names")
        page.wait_for_timeout(1500)
        keep(page, "names")
        assert "left wrist" in page.inner_text("#labels").replace("_", " ").lower()
