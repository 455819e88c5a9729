"""The card that starts everything, what stays when the server goes, and what panels leave free."""

from __future__ import annotations

import re

import pytest
from moving_people import Feed, feeding, result_at
from pages import PHONE, Keep, OpenPage, wait_for, wait_for_people
from playwright.sync_api import Page
from rtpose_file import rtpose_file

pytestmark = pytest.mark.browser


def label(page: Page, text: str) -> tuple[float, float]:
    """Where a joint or an id is on the screen, px."""
    found = page.locator("#labels span:not([hidden])").get_by_text(text, exact=True)
    place: str = found.evaluate("e => e.style.transform")
    x, y = re.findall(r"translate\(([-\d.]+)px, ([-\d.]+)px\)", place)[0]
    return float(x), float(y)


def test_start_card_offers_what_there_is_and_goes_when_people_come(open_page: OpenPage, keep: Keep) -> None:
    feed = Feed()
    feed.server.update_hello(takes_camera=True)
    feed.paused = True
    feed.start()
    try:
        feed.server.set_status("waiting for a browser's camera")
        page = open_page(feed.url)
        wait_for(page, "body.state === 'waiting'")
        keep(page, "start-desktop")
        assert "rtpose is waiting for a browser's camera." in page.inner_text("#notice")
        assert "Connected" not in page.inner_text("body")
        for button in ("#notice #camera-toggle", "#notice [data-action=open]"):
            box = page.locator(button).bounding_box()
            assert box is not None
            assert abs(box["x"] + box["width"] / 2 - 640) < 20, "it is not in the middle"
        assert not page.is_visible("#start-phone"), "a phone cannot open an address of this computer alone"
        for panel in ("#picture", "#angles", "#stats"):
            assert not page.is_visible(panel), "an empty panel"

        feed.server.set_status("ok")
        feed.paused = False
        wait_for_people(page)
        assert not page.is_visible("#notice")
        assert page.is_visible("#picture #camera-toggle")
        for panel in ("#picture", "#angles", "#stats"):
            assert page.is_visible(panel)
    finally:
        feed.stop()


def test_a_lost_server_is_shown_beside_a_recording(open_page: OpenPage, keep: Keep) -> None:
    with feeding() as feed:
        page = open_page(feed.url)
        wait_for_people(page)
        content = rtpose_file([result_at(i) for i in range(60)])
        page.set_input_files("#file", {"name": "own.rtpose", "mimeType": "", "buffer": content})
        wait_for(page, "body.state === 'recording'")
        assert page.inner_text("#state-text") == "Playback"
    wait_for(page, "document.getElementById('state-text').textContent === 'Playback · disconnected'")
    keep(page, "playback-disconnected")
    drawn = int(page.evaluate("document.body.dataset.frames"))
    wait_for(page, f"Number(body.frames) > {drawn + 5}")  # it plays on
    assert not page.is_visible("#notice")


def test_panels_on_a_phone_leave_the_feet_free(open_page: OpenPage, keep: Keep) -> None:
    with feeding() as feed:
        page = open_page(feed.url, PHONE, settings={"angles": True, "figures": True, "names": True, "trails": False})
        wait_for_people(page)
        page.wait_for_timeout(1500)
        for _ in range(3):
            page.wait_for_timeout(400)
            panels = [page.locator(selector).bounding_box() for selector in ("#angles", "#picture", "#stats")]
            for foot in ("left foot", "right foot"):
                x, y = label(page, foot)
                assert 0 < x < PHONE[0]
                for box in panels:
                    assert box is not None
                    inside = box["x"] < x < box["x"] + box["width"] and box["y"] < y < box["y"] + box["height"]
                    assert not inside, f"a panel covers the {foot}"
        keep(page, "feet-phone")


def test_follow_brings_the_chosen_person_back(open_page: OpenPage) -> None:
    with feeding(people=2) as feed:
        page = open_page(feed.url, settings={"trails": False})
        wait_for_people(page, 2)
        page.click("#people button >> nth=1")
        page.wait_for_timeout(1500)
        page.mouse.move(640, 300)
        page.mouse.down(button="right")
        page.mouse.move(1270, 300, steps=8)
        page.mouse.up(button="right")
        page.wait_for_timeout(3000)
        x, y = label(page, "#2")
        assert 300 < x < 1000, "the chosen person is not in the middle"
        assert 0 < y < 500


def test_a_camera_that_is_on_can_be_stopped_whatever_is_collapsed(open_page: OpenPage) -> None:
    with feeding() as feed:
        feed.server.update_hello(takes_camera=True)
        page = open_page(feed.url)
        wait_for_people(page)
        page.click(".fold[data-setting=picture]")
        assert not page.is_visible("#camera-toggle")
        page.evaluate("document.body.dataset.camera = 'on'")
        assert page.is_visible("#camera-toggle")
        feed.server.set_status("the source has ended", ended=True)
        wait_for(page, "body.state === 'ended'")
        assert page.inner_text("#notice-text") == "The last frame stays on screen."
        assert page.is_visible("#camera-toggle")
