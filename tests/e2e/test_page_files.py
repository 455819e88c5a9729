"""Recordings that are opened on the page itself, while it is live: dropped or chosen; the time line; damaged files."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from moving_people import CAMERA, FPS, SIZE, Feed, feeding, people_at, result_at
from pages import PHONE, Keep, OpenPage, seek, wait_for, wait_for_people
from playwright.sync_api import Page
from rtpose_file import rtpose_file

from rtpose.recordings.npz import write_npz
from rtpose.recordings.recording import Recording, no_bodies
from rtpose.skeleton import H36M17

pytestmark = pytest.mark.browser
FRAMES = 90


@pytest.fixture(scope="module")
def feed() -> Iterator[Feed]:
    with feeding(("live.mp4",)) as feed:
        yield feed


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people in FRAMES frames at FPS; the second one is away in the last third."""
    path = tmp_path_factory.mktemp("files") / "walk.npz"
    people = [people_at(i, 2) for i in range(FRAMES)]
    ids = np.int32([[p.track_id for p in pair] for pair in people])
    ids[2 * FRAMES // 3 :, 1] = -1
    with path.open("wb") as file:
        write_npz(
            file,
            Recording(
                poses_3d=np.array([[p.pose_3d for p in pair] for pair in people]),
                root_3d=np.array([[p.root_3d for p in pair] for pair in people]),
                confidence=np.array([[p.confidence for p in pair] for pair in people]),
                keypoints_2d=np.array([[p.keypoints_2d for p in pair] for pair in people]),
                track_ids=ids, timestamps_s=np.arange(FRAMES) / FPS, frame_ids=np.arange(FRAMES, dtype=np.int64),
                joint_names=H36M17.joints, parents=H36M17.parents, image_size=SIZE, camera=CAMERA,
                **no_bodies(*ids.shape), meta={"format": 1, "estimator": "from a file", "assumptions": []},
            ),
        )  # fmt: skip
    return path


def drop(page: Page, name: str, content: bytes) -> None:
    """Let a file fall on the page."""
    page.evaluate(
        """([name, text]) => {
            const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], name));
            for (const type of ['dragover', 'drop'])
                document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        [name, base64.b64encode(content).decode()],
    )


def number(page: Page) -> int:
    return int(page.input_value("#scrub"))


def test_npz_on_the_live_page_and_its_time_line(open_page: OpenPage, keep: Keep, feed: Feed, npz: Path) -> None:
    page = open_page(feed.url)
    wait_for_people(page)
    drop(page, "walk.npz", npz.read_bytes())
    wait_for(page, "body.state === 'recording' && body.mode === 'recording' && Number(body.frames) >= 2")
    assert page.inner_text("#source") == "walk.npz"
    assert "from a file" in page.inner_text("#about")
    assert page.get_attribute("#scrub", "max") == str(FRAMES - 1)
    keep(page, "npz-desktop")

    # Scrub: it stops at the frame; the people are those of the frame.
    for share, people in ((0.3, 2), (0.9, 1)):
        frame = seek(page, share)
        assert abs(frame / (FRAMES - 1) - share) < 0.06
        wait_for(page, f"body.persons === '{people}'")
        page.wait_for_timeout(200)
        assert number(page) == frame, "it plays on"
    # So does a press on the frame that is shown while it plays, of which the browser makes no input.
    page.select_option("#speed", "0.1")
    frame = seek(page, 0.5)
    page.click("#play")
    assert page.get_attribute("#play", "aria-label") == "Pause"
    assert seek(page, 0.5) == frame
    assert page.get_attribute("#play", "aria-label") == "Play"
    page.keyboard.press("Home")
    wait_for(page, "document.getElementById('scrub').value === '0'")
    assert page.inner_text("#time") == f"0:00.00 / 0:0{(FRAMES - 1) / FPS:.2f}"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    wait_for(page, f"document.getElementById('scrub').value === '{1 + FPS}'")
    page.click("#step-back")
    wait_for(page, f"document.getElementById('scrub').value === '{FPS}'")

    # Speed: at a tenth it cannot have come far; kept for the next visit.
    page.click("#play")
    page.wait_for_timeout(1000)
    assert FPS < number(page) < FPS + 20
    page.keyboard.press(".")
    assert page.input_value("#speed") == "0.25"
    assert page.evaluate("JSON.parse(localStorage.rtpose).speed") == 0.25

    # Loop: without it the end is the end; with it there is none.
    page.select_option("#speed", "4")
    page.keyboard.press("l")
    assert page.get_attribute("#player [data-setting=loop]", "aria-pressed") == "false"
    wait_for(page, f"document.getElementById('scrub').value === '{FRAMES - 1}'")
    wait_for(page, "document.getElementById('play').ariaLabel === 'Play'")
    page.click("#player [data-setting=loop]")
    page.keyboard.press(" ")
    seen = set()
    for _ in range(30):
        seen.add(number(page))
        page.wait_for_timeout(60)
    assert page.get_attribute("#play", "aria-label") == "Pause"
    assert len(seen) > 5
    # Close it: live again.
    page.keyboard.press("Escape")
    wait_for_people(page)
    assert page.inner_text("#source") == "live.mp4"
    assert not page.is_visible("#player")


def test_rtpose_recording_whole_and_cut_off(open_page: OpenPage, keep: Keep, feed: Feed, tmp_path: Path) -> None:
    page = open_page(feed.url, PHONE)
    wait_for_people(page)
    whole = rtpose_file([result_at(i) for i in range(60)])
    (tmp_path / "session.rtpose").write_bytes(whole)
    page.click("[popovertarget=menu]")
    with page.expect_file_chooser() as chooser:
        page.click("#menu [data-action=open]")
    chooser.value.set_files(tmp_path / "session.rtpose")
    wait_for(page, "body.state === 'recording' && body.persons === '1'")
    assert page.get_attribute("#scrub", "max") == "59"
    assert page.inner_text("#source") == "session.rtpose"
    assert page.inner_text("#toast") == ""
    seek(page, 0.5)
    keep(page, "rtpose-phone")
    page.click("#close")
    wait_for_people(page)

    # Without its last chunks: what is there is shown, and one line says so. The same for a byte that is wrong.
    cut = rtpose_file([result_at(i) for i in range(60)], ended=False)[:-100]
    wrong = bytearray(whole)
    wrong[len(whole) * 5 // 6] ^= 1
    for name, content in (("cut.rtpose", cut), ("wrong.rtpose", bytes(wrong))):
        drop(page, name, content)
        wait_for(page, f"document.getElementById('source').textContent === '{name}'")
        assert page.get_attribute("#scrub", "max") == "44", "three chunks of fifteen frames are whole"
        assert page.inner_text("#toast") == (
            f"{name} was cut off or is damaged. Showing the {44 / FPS:.1f} s that can be read."
        )


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("notes.txt", lambda npz: b"not a recording at all", "it is neither a poses.npz nor an .rtpose file"),
        ("half.npz", lambda npz: npz[: len(npz) // 2], "it is not an .npz file, or it is damaged"),
        ("head.rtpose", lambda npz: b"RTPOSE1\n" + b"\0" * 40, "it has no readable frames"),
        ("empty.rtpose", lambda npz: b"", "it is neither a poses.npz nor an .rtpose file"),
    ],
)
def test_damaged_files_are_one_line_and_the_page_goes_on(
    name: str, make: object, said: str, damage_page: Page, npz: Path
) -> None:
    assert callable(make)
    drop(damage_page, name, make(npz.read_bytes()))
    wait_for(damage_page, f"document.getElementById('toast').textContent.includes('{name}')")
    assert damage_page.inner_text("#toast") == f"Cannot open {name}: {said}."
    wait_for_people(damage_page)


@pytest.fixture(scope="module")
def damage_page(browser: object, feed: Feed) -> Iterator[Page]:
    """One page for all damaged files: each has to leave it as it was."""
    page = browser.new_page(viewport={"width": 640, "height": 480})  # type: ignore[attr-defined]
    page.goto(feed.url)
    wait_for_people(page)
    yield page
    page.close()
