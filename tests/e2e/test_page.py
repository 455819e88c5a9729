"""The page in a real browser, fed by the real command."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import pytest
from command import running
from pages import PHONE, Keep, OpenPage, changed_pixels, scene, seek, wait_for, wait_for_people

pytestmark = pytest.mark.browser


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_live_and_a_server_that_restarts(open_page: OpenPage, keep: Keep, tmp_path: Path) -> None:
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
        keep(page, "demo-desktop")
        command.kill()
    wait_for(page, "body.state === 'gone'")
    assert page.is_visible("#notice")
    assert page.inner_text("#state-text") == "Disconnected"
    keep(page, "gone-desktop")
    with running(*demo, cwd=tmp_path) as command:
        wait_for_people(page)
        assert not page.is_visible("#notice")


def test_video_with_the_page_on_a_phone(open_page: OpenPage, keep: Keep, long_clip: Path, tmp_path: Path) -> None:
    with running(
        "video", long_clip, "--view", "--no-browser", "--port", "0", "--out", "poses.npz", cwd=tmp_path
    ) as command:
        page = open_page(command.page(), PHONE)
        wait_for_people(page)
        wait_for(page, "Number(body.pictures) >= 3 && Number(body.latencyMs) > 0")
        assert "long.mp4" in page.inner_text("#source")
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0], "the page is wider than the phone"
        keep(page, "video-phone")
        if os.name == "posix":
            command.end(signal.SIGINT)
            wait_for(page, "body.state === 'ended' || body.state === 'gone'")
            keep(page, "ended-phone")


def test_recording_of_the_command(open_page: OpenPage, keep: Keep, sample_poses: Path, tmp_path: Path) -> None:
    with running("view", sample_poses / "poses.npz", "--no-browser", "--port", "0", cwd=tmp_path) as command:
        page = open_page(command.page())
        wait_for(page, "body.state === 'recording' && Number(body.frames) >= 5 && body.persons === '1'")
        assert page.get_attribute("#scrub", "max") == "179"
        keep(page, "recording-desktop")
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
