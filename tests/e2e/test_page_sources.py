"""Several sources on one page, and the button that records."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from moving_people import feeding, result_at
from pages import Keep, OpenPage, wait_for, wait_for_people
from playwright.sync_api import Page
from rtpose_file import rtpose_file

pytestmark = pytest.mark.browser


def test_sources_stand_in_lanes_and_are_kept_apart(open_page: OpenPage, keep: Keep) -> None:
    with feeding(("clips/front.mp4", "clips/side.mp4"), people=2) as feed:
        sent: dict[int, list[int]] = defaultdict(list)

        def listen(page: Page) -> None:
            page.on("websocket", lambda socket: socket.on("framesent", lambda text: note(text, sent)))

        page = open_page(feed.url, settings={"trails": False}, before=listen)
        wait_for_people(page, 4)
        wait_for(page, "Number(body.pictures) >= 4")
        assert "2 sources: front.mp4, side.mp4" in page.inner_text("#source")
        assert page.locator("#people button").all_inner_texts() == ["1·1", "1·2", "2·1", "2·2"]
        colours = page.eval_on_selector_all(
            "#people button", "all => all.map(e => e.style.getPropertyValue('--person'))"
        )
        assert len(set(colours)) == 4, "people with the same id of two sources look the same"
        assert page.locator("#pictures figcaption").all_inner_texts() == ["1 · front.mp4", "2 · side.mp4"]
        wait_for(page, "document.querySelectorAll('#labels .mark:not([hidden])').length >= 5")
        page.keyboard.press("1")
        page.wait_for_timeout(1500)
        x = {
            text: box["x"]
            for label in page.locator("#labels span:not([hidden])").all()
            if (text := label.inner_text()) and (box := label.bounding_box())
        }
        assert max(x["1·1"], x["1·2"]) < min(x["2·1"], x["2·2"]), "the lanes are not side by side"
        assert x["1 · front.mp4"] < x["2 · side.mp4"]
        keep(page, "lanes-desktop")
        assert set(sent) == {0, 1}, "each source's frames are acknowledged as its own"
        assert all(frames == sorted(frames) for frames in sent.values())
        # The angles are of one person of one source.
        page.click("#people button >> nth=2")
        page.wait_for_timeout(400)
        assert page.inner_text("#angles-title") == "Angles · 2·1"


def note(text: str | bytes, sent: dict[int, list[int]]) -> None:
    """An acknowledgement, by its source."""
    if match := re.fullmatch(r'{"ack":(\d+),"source":(\d+)}', str(text)):
        sent[int(match[2])].append(int(match[1]))


def get(page: str, path: str, *, token: bool) -> int:
    """The status of a request, with the page's token or without."""
    address = urlsplit(page)
    try:
        with urlopen(f"http://{address.netloc}/{path}?{address.query if token else ''}") as response:
            return int(response.status)
    except HTTPError as error:
        return error.code


def test_recording_is_begun_and_ended_from_the_page(open_page: OpenPage, keep: Keep, tmp_path: Path) -> None:
    wishes: list[bool] = []
    with feeding(can_record=True, on_record=wishes.append) as feed:
        page = open_page(feed.url)
        wait_for_people(page)
        button = page.get_by_role("button", name="Record")
        assert button.inner_text() == "Record"
        button.click()
        told(page, wishes, [True])
        assert button.get_attribute("aria-pressed") == "false", "it says so only when the server does"
        feed.server.set_recording("session.rtpose")
        wait_for(page, "document.getElementById('record').ariaPressed === 'true'")
        assert page.inner_text("#toast") == "Recording to session.rtpose: every frame from now on, even without people"
        assert re.fullmatch(r"0:0\d", page.inner_text("#record-text"))
        assert "session.rtpose" in str(page.get_attribute("#record", "title"))
        keep(page, "recording-button-desktop")
        page.keyboard.press("r")
        told(page, wishes, [True, False])
        written = tmp_path / "session.rtpose"
        written.write_bytes(rtpose_file([result_at(i) for i in range(42)]))
        feed.server.set_recording(None, "session.rtpose: 42 frames", written)
        wait_for(page, "document.getElementById('record').ariaPressed === 'false'")
        assert page.inner_text("#toast").startswith("session.rtpose: 42 frames")
        # The file is where rtpose runs: the toast fetches it, or offers what to type there.
        offers = page.locator("#toast button")
        assert offers.all_inner_texts() == ["Open", "Download", "Copy the convert command"]
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        offers.nth(2).click()
        command = "rtpose convert session.rtpose session.bvh"
        wait_for(page, f"document.getElementById('toast').textContent === 'Copied: {command}'")
        assert page.evaluate("navigator.clipboard.readText()") == command
        feed.server.set_recording("session.rtpose")
        wait_for(page, "document.getElementById('record').ariaPressed === 'true'")
        feed.server.set_recording(None, "session.rtpose: 42 frames", written)
        with page.expect_download() as got:
            page.get_by_role("button", name="Download").click()
        assert Path(got.value.path()).read_bytes() == written.read_bytes()
        feed.server.set_recording("session.rtpose")
        wait_for(page, "document.getElementById('record').ariaPressed === 'true'")
        feed.server.set_recording(None, "session.rtpose: 42 frames")
        page.get_by_role("button", name="Open", exact=True).click()
        wait_for(page, "body.state === 'recording'")
        assert page.get_attribute("#scrub", "max") == "41"
        assert get(feed.url, "recorded", token=False) in (401, 403)


def told(page: Page, wishes: list[bool], expected: list[bool]) -> None:
    """Wait until the server has heard of as many wishes as expected: those, and no more."""
    for _ in range(100):
        if len(wishes) >= len(expected):
            break
        page.wait_for_timeout(100)
    assert wishes == expected
