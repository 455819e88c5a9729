"""A page's camera as the source: Chromium's fake camera plays the sample, and what comes back is the sample's poses."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clips import Picture
from command import running, wait_until
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from recording import Recording
from secure_socket import first_message
from viewer import Viewer, looking_at

from rtpose import metrics
from rtpose.assets import SampleTruth
from rtpose.server.protocol import HEADER_FIELDS, KIND_PICTURE
from rtpose.server.read_messages import decode_picture, decode_poses

pytestmark = pytest.mark.browser

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
WEBCAM = ("webcam", "--camera", "browser", "--no-browser", "--port", "0")
FLAGS = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
OpenPage = Callable[[str], Page]


@pytest.fixture(scope="module")
def browser(chromium: str, jpegs: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium whose camera shows the sample, again and again, 30 frames a second."""
    clip = tmp_path_factory.mktemp("camera") / "sample.mjpeg"
    clip.write_bytes(b"".join(jpegs))
    camera = (
        "--use-fake-ui-for-media-stream",  # says yes to the question for the camera
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *camera])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """No page may have an error in its console."""
    pages: list[Page] = []
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # The browser itself reports every connection that it could not make.
        if message.type == "error" and "ERR_CONNECTION_REFUSED" not in message.text:
            complaints.append(message.text)

    def open_it(url: str) -> Page:
        page = browser.new_page(viewport={"width": 1280, "height": 720}, ignore_https_errors=True)
        pages.append(page)
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_default_timeout(60_000)
        page.goto(url)
        return page

    yield open_it
    for page in pages:
        page.close()
    assert complaints == []


def until(page: Page, condition: str) -> None:
    """Wait for a JavaScript condition; `body` is `document.body.dataset`."""
    deadline_s = time.monotonic() + 60
    while not page.evaluate(f"(body => {condition})(document.body.dataset)"):
        assert time.monotonic() < deadline_s, (condition, page.evaluate("({...document.body.dataset})"))
        page.wait_for_timeout(50)


def poses_with_pictures(viewer: Viewer, count: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Pose messages with one person, and the pictures of the same frames."""
    kind_byte = [name for name, _, _ in HEADER_FIELDS].index("kind")
    poses: dict[int, dict[str, Any]] = {}
    pairs: list[tuple[dict[str, Any], dict[str, Any]]] = []
    deadline_s = time.monotonic() + 60
    while len(pairs) < count:
        message = viewer.socket.recv(timeout=max(0.0, deadline_s - time.monotonic()))
        if isinstance(message, str):
            continue
        if message[kind_byte] == KIND_PICTURE:
            picture = decode_picture(message)
            pose = poses.get(picture["frame_id"])
            if pose is not None and len(pose["persons"]) == 1:
                pairs.append((pose, picture))
        else:
            pose = decode_poses(message)
            poses[pose["frame_id"]] = pose
    return pairs


def small(picture: Picture) -> np.ndarray:
    return cv2.resize(picture, (160, 120), interpolation=cv2.INTER_AREA).astype(np.float32)


def test_a_pages_camera_gives_the_poses_of_the_clip(
    open_page: OpenPage, sample_poses: Path, sample_pictures: list[Picture], tmp_path: Path
) -> None:
    """The way through the browser moves joints by less than the detector itself is wrong by on this clip."""
    with running(*WEBCAM, cwd=tmp_path) as command, looking_at(command.page()) as viewer:
        page = open_page(command.page())
        until(page, "body.state === 'waiting'")
        assert "waiting for a browser's camera" in page.inner_text("#notice")
        page.click("#camera-toggle")
        until(page, "body.camera === 'on' && body.state === 'live' && body.persons === '1'")
        pairs = poses_with_pictures(viewer, 30)
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=str(ARTIFACTS / "browser-camera.png"))

        # One camera at a time; the second page is told who has it.
        other = open_page(command.page())
        until(other, "body.state === 'live'")
        other.click("#camera-toggle")
        until(
            other, "document.getElementById('camera-text').textContent.includes('this computer is already the camera')"
        )
        assert other.evaluate("document.body.dataset.camera") == "off"
        assert page.evaluate("document.body.dataset.camera") == "on"

        # It leaves, and the other one takes its place.
        page.click("#camera-toggle")
        until(other, "body.state === 'waiting'")
        other.click("#camera-toggle")
        until(other, "body.camera === 'on' && body.state === 'live'")
        wait_until(lambda: len(re.findall("waiting for a browser's camera", "".join(command.stderr))) >= 2, "the state")

    # Which frame of the clip each picture shows: the one that it is most like.
    clip = np.stack([small(picture) for picture in sample_pictures])
    rows = []
    for _, picture in pairs:
        shown = cv2.imdecode(np.frombuffer(picture["jpeg"], np.uint8), cv2.IMREAD_COLOR)
        rows.append(int(((clip - small(shown[..., ::-1])) ** 2).mean((1, 2, 3)).argmin()))
    assert len(set(rows)) > 20, "the clip moves on"
    truth, video = SampleTruth.load(), Recording(sample_poses / "poses.npz").arrays

    height_px = np.ptp(truth.joints_2d[rows][..., 1], axis=1)[:, None]
    found_px = np.stack([picture["persons"][0]["keypoints"] for _, picture in pairs])[:, :17, :2]
    video_px = video["keypoints_2d"][rows, 0, :17, :2]
    moved = metrics.joint_errors(found_px, video_px) / height_px
    wrong = metrics.joint_errors(video_px, truth.joints_2d[rows]) / height_px
    found = np.stack([pose["persons"][0]["joints"] for pose, _ in pairs])[:, :17, :3]
    moved_3d = metrics.p_mpjpe(found, video["poses_3d"][rows, 0, :17])
    wrong_3d = metrics.p_mpjpe(video["poses_3d"][rows, 0, :17], metrics.root_relative(truth.joints_3d[rows]))
    delay_ms = np.array([pose["estimate_ns"] - pose["capture_ns"] for pose, _ in pairs]) / 1e6
    print(
        f"2D moved {100 * moved.mean():.2f} %, detector's error {100 * wrong.mean():.2f} % of the person's height; "
        f"3D moved {1000 * moved_3d.mean():.1f} mm, error {1000 * wrong_3d.mean():.1f} mm (P-MPJPE); "
        f"{len(set(rows))} frames of the clip; {np.median(delay_ms):.0f} ms from capture to pose"
    )
    assert moved.mean() < wrong.mean()
    assert moved_3d.mean() < wrong_3d.mean()
    assert (delay_ms > 0).all()


def test_a_phones_way_over_https(open_page: OpenPage, tmp_path: Path) -> None:
    """On all addresses, with token and rtpose's own certificate: the page's camera works there, too."""
    with running(*WEBCAM, "--host", "0.0.0.0", "--tls", cwd=tmp_path) as command:
        url = command.wait_for(r"The page: (https://\S+/\?token=\S+)")[1]
        own = Path(command.wait_for(r"certificate: (.+\.pem)")[1])
        trusting = ssl.create_default_context(cafile=own)
        address = url.replace("https:", "wss:").replace("/?", "/socket?")
        assert first_message(address, trusting)["takes_camera"] is True
        page = open_page(url)
        page.click("#camera-toggle")
        until(page, "body.camera === 'on' && body.state === 'live' && body.persons === '1'")
