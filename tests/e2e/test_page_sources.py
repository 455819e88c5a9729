"""Several sources on one page, and the button that records."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from moving_people import feeding
from pages import Keep, OpenPage, wait_for, wait_for_people
from playwright.sync_api import Page

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


def test_recording_is_begun_and_ended_from_the_page(open_page: OpenPage, keep: Keep) -> None:
    wishes: list[bool] = []
    with feeding(can_record=True, on_record=wishes.append) as feed:
        page = open_page(feed.url)
        wait_for_people(page)
        button = page.get_by_role("button", name="Record")
        assert button.inner_text() == "Record"
        button.click()
        page.wait_for_timeout(300)
        assert wishes == [True]
        assert button.get_attribute("aria-pressed") == "false", "it says so only when the server does"
        feed.server.set_recording("session.rtpose")
        wait_for(page, "document.getElementById('record').ariaPressed === 'true'")
        assert page.inner_text("#toast") == "Recording to session.rtpose"
        assert re.fullmatch(r"0:0\d", page.inner_text("#record-text"))
        assert "session.rtpose" in str(page.get_attribute("#record", "title"))
        keep(page, "recording-button-desktop")
        page.keyboard.press("r")
        page.wait_for_timeout(300)
        assert wishes == [True, False]
        feed.server.set_recording(None, "session.rtpose: 42 frames")
        wait_for(page, "document.getElementById('record').ariaPressed === 'false'")
        assert page.inner_text("#toast").startswith("session.rtpose: 42 frames")
        # The file is where rtpose runs: the toast offers what to type there.
        offers = page.locator("#toast button")
        assert offers.all_inner_texts() == ["Copy the view command", "Copy the convert command"]
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        offers.nth(0).click()
        wait_for(page, "document.getElementById('toast').textContent === 'Copied: rtpose view session.rtpose'")
        assert page.evaluate("navigator.clipboard.readText()") == "rtpose view session.rtpose"
