"""What the page shows of live people: styles, ids, confidence, angles, latency, pictures, and what it saves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import Picture
from moving_people import Feed, feeding, people_at
from numpy.typing import NDArray
from pages import Keep, OpenPage, changed_pixels, scene, wait_for, wait_for_people
from playwright.sync_api import Page

from rtpose.skeleton import H36M17

pytestmark = pytest.mark.browser

STILL = {"theme": "dark", "trails": False, "scale": False, "follow": False, "angles": False}
"""Nothing in the scene but people and the ground, and the camera stands."""
INKED = """e => e.getContext("2d").getImageData(0, 0, e.width, e.height)
    .data.filter((value, i) => i % 4 === 3 && value > 150).length"""
"""How many pixels of a canvas are not see-through."""


@pytest.fixture(scope="module")
def running_feed() -> Iterator[Feed]:
    with feeding(("room.mp4",)) as feed:
        yield feed


@pytest.fixture
def feed(running_feed: Feed) -> Iterator[Feed]:
    yield running_feed
    running_feed.people, running_feed.guess, running_feed.paused = 1, False, False


def stop_at(feed: Feed, page: Page, number: int) -> None:
    """Let the page show this frame of the motion and no other."""
    feed.paused = True
    time.sleep(0.1)  # what the feed is about to send
    page.wait_for_timeout(300)
    feed.number = number
    for _ in range(3):  # a picture brings the scores of the poses that follow
        drawn = int(page.evaluate("document.body.dataset.frames"))
        feed.send(with_picture=True)
        wait_for(page, f"Number(body.frames) > {drawn}")
    page.wait_for_timeout(500)
    wait_for(page, f"body.persons === '{feed.people}'")


def at(page: Page, label: str) -> tuple[int, int]:
    """Where a joint's label says that the joint is, px."""
    place: str = page.locator("#labels span:not([hidden])", has_text=re.compile(f"^{label}$")).evaluate(
        "e => e.style.transform"
    )
    x, y = re.findall(r"translate\(([-\d.]+)px, ([-\d.]+)px\)", place)[0]
    return round(float(x)), round(float(y))


def around(picture: Picture, point: tuple[int, int]) -> NDArray[np.float64]:
    """Mean colour at a place."""
    x, y = point
    return np.asarray(picture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(0), np.float64)


def test_people_have_ids_colours_and_a_camera_that_follows(open_page: OpenPage, keep: Keep, feed: Feed) -> None:
    feed.people = 4
    page = open_page(feed.url)
    wait_for_people(page, 4)
    chips = page.locator("#people button")
    assert chips.all_inner_texts() == [f"person {i}" for i in (1, 2, 3, 4)]
    colours = [chip.evaluate("e => e.style.getPropertyValue('--person')") for chip in chips.all()]
    assert len(set(colours)) == 4
    over = page.locator("#labels .strong:not([hidden])")
    assert sorted(over.all_inner_texts()) == ["#1", "#2", "#3", "#4"]
    keep(page, "four-people-desktop")
    assert not page.is_visible("#record"), "this server does not record"

    # One is followed: the camera goes to them and the angles are theirs.
    all_of_them = page.locator("#labels span:not([hidden])", has_text="#4").bounding_box()
    chips.nth(3).click()
    assert page.get_attribute("#people button >> nth=3", "aria-pressed") == "true"
    page.wait_for_timeout(2500)
    assert page.inner_text("#angles-title") == "Angles · person 4"
    one = page.locator("#labels span:not([hidden])", has_text="#4").bounding_box()
    assert all_of_them is not None
    assert one is not None
    middle = 640
    assert abs(one["x"] - middle) < 250
    assert one["x"] < all_of_them["x"] - 40, "the camera did not go to person 4"
    page.keyboard.press("p")  # after the last one all again
    assert page.locator("#people [aria-pressed=true]").count() == 0


def test_styles_confidence_and_trails(open_page: OpenPage, keep: Keep, feed: Feed) -> None:
    page = open_page(feed.url, settings={**STILL, "names": True})
    wait_for_people(page)
    stop_at(feed, page, 60)
    left, right = at(page, "left wrist"), at(page, "right wrist")
    sure = scene(page)
    feed.guess = True
    stop_at(feed, page, 60)
    assert page.locator("#labels span:not([hidden])", has_text="left wrist").count() == 1
    assert page.locator("#labels span:not([hidden])", has_text="right wrist").count() == 0
    guess = scene(page)
    feed.people = 0
    stop_at(feed, page, 60)
    nobody = scene(page)
    there = np.linalg.norm(around(sure, left) - around(nobody, left))
    faint = np.linalg.norm(around(guess, left) - around(nobody, left))
    assert there > 60
    assert 0.05 * there < faint < 0.7 * there, "a guess is drawn faint"
    assert np.linalg.norm(around(sure, right) - around(nobody, right)) > 60
    assert np.linalg.norm(around(guess, right) - around(nobody, right)) < 12, "what is unknown is absent"

    # The three styles look different, and each shows a person.
    feed.people, feed.guess = 1, False
    stop_at(feed, page, 60)
    page.keyboard.press("n")
    looks = {}
    for style in ("mannequin", "bones", "capsules"):  # after the capsules, which come first
        page.keyboard.press("b")
        page.wait_for_timeout(500)
        assert page.evaluate("JSON.parse(localStorage.rtpose).style") == style
        looks[style] = scene(page)
        assert changed_pixels(looks[style], nobody) > 1000
        keep(page, f"style-{style}")
    assert changed_pixels(looks["mannequin"], looks["capsules"]) > 2000
    assert changed_pixels(looks["bones"], looks["capsules"]) > 2000
    filled = {style: changed_pixels(look, nobody) for style, look in looks.items()}
    assert filled["bones"] < 0.6 * filled["capsules"]

    # Trails: only with them the past is on the screen. Frame by frame: where many are left out, there is none.
    page.keyboard.press("t")
    begin_ns = time.monotonic_ns()
    for number in range(61, 86):
        drawn = int(page.evaluate("document.body.dataset.frames"))
        feed.number = number
        feed.send(at_ns=begin_ns + (number - 61) * 33_000_000)  # however long the page takes to draw
        wait_for(page, f"Number(body.frames) > {drawn}")
    with_trails = scene(page)
    page.keyboard.press("t")
    page.wait_for_timeout(500)
    assert changed_pixels(with_trails, scene(page)) > 100


def test_views_names_and_scale(open_page: OpenPage, keep: Keep, feed: Feed) -> None:
    page = open_page(feed.url, settings={"trails": False, "angles": False})
    wait_for_people(page)
    stop_at(feed, page, 30)
    seen = {}
    for view in ("front", "side", "top"):
        page.click(f"[data-view={view}]")
        page.wait_for_timeout(1000)  # the camera flies there
        assert page.get_attribute(f"[data-view={view}]", "aria-pressed") == "true"
        seen[view] = scene(page)
        keep(page, f"view-{view}")
    assert changed_pixels(seen["front"], seen["side"]) > 300
    assert changed_pixels(seen["side"], seen["top"]) > 300

    page.keyboard.press("1")
    page.wait_for_timeout(1500)
    page.click("#tools [data-setting=names]")
    page.wait_for_timeout(400)
    named = set(page.locator("#labels .joint:not([hidden])").all_inner_texts())
    assert named == {joint.replace("_", " ") for joint in H36M17.joints}
    page.keyboard.press("n")
    page.wait_for_timeout(400)
    marks = [box["y"] for mark in page.locator("#labels .mark:not([hidden])").all() if (box := mark.bounding_box())]
    top, half, ground = sorted(marks)
    assert half - top == pytest.approx(ground - half, rel=0.1)
    keep(page, "scale-desktop")
    with_scale = scene(page)
    page.keyboard.press("m")
    page.wait_for_timeout(400)
    assert page.locator("#labels .mark:not([hidden])").count() == 0
    assert changed_pixels(with_scale, scene(page)) > 100

    # Drag: the scene turns and is no named view any more. Pointing at a joint names it.
    before = scene(page)
    page.mouse.move(640, 200)
    page.mouse.down()
    page.mouse.move(760, 230, steps=5)
    page.mouse.up()
    page.wait_for_timeout(600)
    assert changed_pixels(before, scene(page)) > 300
    assert page.locator("[data-view][aria-pressed=true]").count() == 0
    page.keyboard.press("n")
    page.wait_for_timeout(300)
    spot = at(page, "head")
    page.keyboard.press("n")
    page.mouse.move(*spot)
    page.wait_for_timeout(300)
    assert page.locator("#labels .strong:not([hidden])").inner_text() == "head · 90 %"


def angle_between(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.degrees(np.arccos(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))))


def test_angles_are_those_of_the_pose(open_page: OpenPage, keep: Keep, feed: Feed) -> None:
    page = open_page(feed.url)
    wait_for_people(page)
    page.wait_for_timeout(1500)
    stop_at(feed, page, 100)
    person = people_at(100)[0]
    point = {joint: person.pose_3d[i] for joint, i in H36M17.index_of.items()}
    down = point["root"] - point["thorax"]
    expected = []
    for upper, middle, lower, trunk in (
        ("hip", "knee", "foot", False), ("hip", "knee", "", True),
        ("shoulder", "elbow", "wrist", False), ("shoulder", "elbow", "", True),
    ):  # fmt: skip
        for side in ("left", "right"):
            first = point[f"{side}_{middle}"] - point[f"{side}_{upper}"]
            second = down if trunk else point[f"{side}_{lower}"] - point[f"{side}_{middle}"]
            expected.append(angle_between(first, second))
    expected.append(angle_between(-down, np.float32([0, -1, 0])))
    rows = page.locator("#angles tbody tr th").all_inner_texts()
    assert rows == ["Knee", "Hip", "Elbow", "Shoulder", "Trunk lean"]
    shown = [float(text.removesuffix("°")) for text in page.locator("#angles output").all_inner_texts()]
    np.testing.assert_allclose(shown, expected, atol=0.6)
    assert all(plot.evaluate(INKED) > 10 for plot in page.locator("#angles canvas").all()), "an empty plot"
    keep(page, "angles-desktop")

    # A guessed wrist: a pale number; an unknown one: none.
    feed.guess = True
    stop_at(feed, page, 100)
    elbows = page.locator("#angles tbody tr", has_text="Elbow").locator("output")
    assert elbows.nth(0).get_attribute("class") == "guess"
    assert elbows.nth(1).inner_text() == "–"
    page.keyboard.press("a")
    assert not page.is_visible("#angles")


def test_picture_figures_and_latency_by_stage(open_page: OpenPage, keep: Keep, feed: Feed) -> None:
    page = open_page(feed.url)
    wait_for_people(page)
    wait_for(page, "Number(body.pictures) >= 3 && Number(body.latencyMs) > 0")
    page.wait_for_timeout(2500)
    colours = page.eval_on_selector(
        "#pictures canvas",
        "e => { const { data } = e.getContext('2d').getImageData(0, 0, e.width, e.height); const seen = new Set();"
        "for (let i = 0; i < data.length; i += 4) seen.add(data.slice(i, i + 3).map(v => v >> 5).join());"
        "return seen.size }",
    )
    assert colours > 6, "the room has two colours, the joints over it have more"
    stages = dict(
        zip(
            page.locator("#stages-body th").all_inner_texts(),
            page.locator("#stages-body td:last-child").all_inner_texts(),
            strict=True,
        )
    )
    assert list(stages) == ["Estimate", "Send", "Network", "Draw"]
    ms = {stage: float(text.removesuffix(" ms")) for stage, text in stages.items()}
    assert 19.5 <= ms["Estimate"] <= 22, "the feed says 20 ms"
    assert all(value >= 0 for value in ms.values())
    total = float(page.evaluate("document.body.dataset.latencyMs"))
    assert total > 20
    assert all(plot.evaluate(INKED) > 3 for plot in page.locator("#stages canvas").all()), "an empty histogram"
    for setting, part in (("picture", "#pictures"), ("figures", "#figures")):
        page.click(f".fold[data-setting={setting}]")
        assert not page.is_visible(part)
        assert page.get_attribute(f".fold[data-setting={setting}]", "aria-expanded") == "false"


def test_a_screenshot_can_be_saved_and_no_motion_without_bodies(
    open_page: OpenPage, keep: Keep, feed: Feed, tmp_path: Path
) -> None:
    feed.people = 2
    page = open_page(feed.url, settings=STILL)
    wait_for_people(page, 2)
    page.wait_for_timeout(1500)
    stop_at(feed, page, 80)

    with page.expect_download() as download:
        page.keyboard.press("s")
    assert re.fullmatch(r"rtpose-room-\d{8}-\d{6}\.png", download.value.suggested_filename)
    download.value.save_as(tmp_path / "scene.png")
    saved = cv2.imread(str(tmp_path / "scene.png"))
    assert saved is not None
    assert saved.shape == (720, 1280, 3)
    # The page may draw with fewer pixels than the file has: fine lines differ.
    here, there = (cv2.GaussianBlur(p, (0, 0), 5).astype(np.uint8) for p in (saved, scene(page)))
    assert changed_pixels(here, there) < 1000, "it is not what the page shows"
    assert changed_pixels(saved, np.full_like(saved, saved[0, 0])) > 5000, "it is empty"

    page.click("[popovertarget=menu]")
    keep(page, "menu-desktop")
    page.click("#menu [data-action=motion]")
    wait_for(page, "document.querySelector('#toast').innerText.includes('no person here has a body')")
