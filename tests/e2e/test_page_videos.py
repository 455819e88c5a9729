"""A video on the page: dropped, the built-in one, by its path; and settings that are changed while it runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clips import Picture, write_clip
from command import Running, running
from moving_people import result_at
from pages import PHONE, Keep, OpenPage, seek, wait_for, wait_for_people
from rtpose_file import rtpose_file

from rtpose.assets import sample_clip

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def webcam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("webcam")
    with running("webcam", "--camera", "browser", "--no-browser", "--port", "0", cwd=folder) as command:
        yield command


def test_a_dropped_video_runs_and_the_start_card_comes_back(
    open_page: OpenPage, keep: Keep, webcam: Running, long_clip: Path
) -> None:
    page = open_page(webcam.page())
    wait_for(page, "body.state === 'waiting'")
    for item in ("#camera-toggle", "#start-open", "#start-sample", "#start-path", "#setup"):
        assert page.is_visible(f"#notice {item}")
    keep(page, "start-all-desktop")
    page.click("#setup summary")
    keep(page, "start-setup-desktop")
    assert page.input_value("#setup [name=height_m]") == "1.7"
    page.fill("#setup [name=height_m]", "1.85")
    page.click("#setup-form button")
    wait_for(page, "document.getElementById('height').textContent === '1.85 m, as given'")
    page.set_input_files("#file", long_clip)
    wait_for_people(page)
    assert "1.85 m, as given" in page.inner_text("#stats")
    keep(page, "video-runs-desktop")
    page.click("#video-stop")
    wait_for(page, "body.state === 'waiting'")
    page.click("#notice #start-sample")
    wait_for(page, "body.state === 'live' && body.persons === '1'")


def test_what_is_no_video_is_said_in_the_start_card(
    open_page: OpenPage, keep: Keep, webcam: Running, tmp_path: Path
) -> None:
    file = tmp_path / "words.mp4"
    file.write_text("no video\n" * 100)
    page = open_page(webcam.page(), PHONE)
    wait_for(page, "body.state === 'waiting'")
    keep(page, "start-all-phone")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    page.set_input_files("#file", file)
    wait_for(page, "body.state === 'problem'")
    assert "words.mp4" in page.inner_text("#notice-text")
    assert "rtpose-" not in page.inner_text("#notice-text")
    assert page.is_visible("#notice #start-sample")


SHOWN = """() => { const canvas = document.querySelector("#pictures canvas");
  const { data } = canvas.getContext("2d").getImageData(4, 4, 1, 1);
  return [Number(document.body.dataset.frame), data[0]]; }"""
"""The frame of the scene, and how bright the picture beside it is."""


def test_a_recording_and_its_video_show_the_same_frame(
    open_page: OpenPage, keep: Keep, webcam: Running, tmp_path: Path
) -> None:
    frames, step = 40, 6
    pictures: list[Picture] = [np.full((360, 640, 3), 10 + step * i, np.uint8) for i in range(frames)]
    clip = write_clip(tmp_path / "grey.mp4", pictures)
    page = open_page(webcam.page())
    wait_for(page, "['waiting', 'problem'].includes(body.state)")  # the last video's problem stays until the next
    content = rtpose_file([result_at(i) for i in range(frames)])
    page.set_input_files("#file", {"name": "own.rtpose", "mimeType": "", "buffer": content})
    wait_for(page, "body.state === 'recording'")
    page.set_input_files("#file", clip)
    wait_for(page, "Number(body.pictures) >= 3")

    def brightness(frame: int) -> float:
        return 0.78 * (10 + step * frame)  # the overlay darkens it

    seen = set()
    for _ in range(25):  # while it plays
        frame, grey = page.evaluate(SHOWN)
        seen.add(frame)
        assert abs(grey - brightness(frame)) < 0.78 * step * 0.75, (frame, grey)
        page.wait_for_timeout(60)
    assert len(seen) > 3
    for share in (0.2, 0.8):
        wanted = seek(page, share)
        wait_for(page, f"Number(body.frame) === {wanted}")
        frame, grey = page.evaluate(SHOWN)
        assert abs(grey - brightness(frame)) < 0.78 * step * 0.75, (frame, grey)
    keep(page, "video-beside-recording-desktop")


def test_view_shows_the_video_beside_the_recording_and_a_lost_server(
    open_page: OpenPage, keep: Keep, sample_poses: Path, tmp_path: Path
) -> None:
    shutil.copy(sample_poses / "poses.npz", tmp_path)
    shutil.copy(sample_clip(), tmp_path)
    with running("view", "poses.npz", "--no-browser", "--port", "0", cwd=tmp_path) as command:
        page = open_page(command.page())
        wait_for(page, "body.state === 'recording' && Number(body.pictures) >= 2")
        assert page.inner_text("#picture-title") == "Picture"
        keep(page, "view-with-video-desktop")
    wait_for(page, "document.getElementById('state-text').textContent === 'Playback · disconnected'")
