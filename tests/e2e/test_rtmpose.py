"""`--detector rtmpose`, its files fetched from a web server: small networks in place of the real ones."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import Picture, write_clip
from command import rtpose, rtpose_process
from proxies import no_web, straight
from recording import Recording
from rtmpose_files import SIDE, Painted, picture_of, write_finder, write_joints, zipped
from stick_people import StickPeople, write_rendered

from rtpose.assets import SampleTruth
from rtpose.networks import model_files
from rtpose.pose.detect.rtmpose import LANDMARK_FILE, PERSON_FILE
from rtpose.skeleton import COCO17, H36M17


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


class Web:
    """A folder of networks behind a web server, and the command that takes them for RTMPose's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))

    def rtpose(self, *args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """The command, with other files for the detector: it fetches, checks and runs them itself."""
        with pytest.MonkeyPatch.context() as patch:
            for name in (PERSON_FILE, LANDMARK_FILE):
                other = dataclasses.replace(
                    model_files.FILES[name],
                    url=f"http://127.0.0.1:{self.server.server_port}/{name}.zip",
                    sha256=hashlib.sha256((self.folder / name).read_bytes()).hexdigest(),
                )
                patch.setitem(model_files.FILES, name, other)
            return rtpose(*args, cwd=cwd)


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    (tmp_path / "web").mkdir()
    web = Web(tmp_path / "web")
    write_finder(web.folder / PERSON_FILE)
    write_joints(web.folder / LANDMARK_FILE)
    for name in (PERSON_FILE, LANDMARK_FILE):
        zipped(web.folder / f"{name}.zip", web.folder / name)
    thread = threading.Thread(target=web.server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path / "cache"))
    straight(monkeypatch)
    yield web
    web.server.shutdown()
    web.server.server_close()
    thread.join()


def test_video(web: Web, tmp_path: Path) -> None:
    """Fetched, run and lifted: two painted people who walk, and the places of their joints."""
    walks = [[Painted(30 + 4 * i, 30), Painted(210, 40)] for i in range(6)]
    (tmp_path / "walk").mkdir()
    for i, people in enumerate(walks):  # not a clip: its compression would change the colours that are looked for
        cv2.imwrite(str(tmp_path / "walk" / f"{i}.png"), picture_of(people)[..., ::-1])
    run = web.rtpose("video", "walk", "--detector", "rtmpose", "--persons", "2", "--out", "walk.npz", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    recording = Recording(tmp_path / "walk.npz")
    assert recording.meta["estimator"] == "rtmpose + fusion"
    assert recording.seen.all()
    assert np.isfinite(recording.arrays["poses_3d"]).all()
    for found, people in zip(recording.arrays["keypoints_2d"], walks, strict=True):
        in_order = found[np.argsort(found[:, 0, 0])]
        for keypoints, person in zip(in_order, people, strict=True):
            for joint in ("left_wrist", "right_knee", "left_shoulder"):
                place = keypoints[H36M17.index_of[joint], :2]
                np.testing.assert_allclose(place, person.joints[COCO17.index_of[joint]], atol=5)
    assert {path.name for path in (tmp_path / "cache").iterdir()} >= {PERSON_FILE, LANDMARK_FILE}
    assert rtpose("models", "list", cwd=tmp_path).stdout.count("damaged") == 2, "these are not the real files"


def test_boxes_for_cascaded(web: Web, sample_pictures: list[Picture], tmp_path: Path) -> None:
    """The built-in dancer in a box of YOLOX's: the shipped network sees the joints that it sees by BlazePose's."""
    joints = SampleTruth.load().joints_2d[0]
    scale = SIDE / max(SampleTruth.load().image_size)
    write_finder(web.folder / PERSON_FILE, [*(joints.min(0) * scale), *(joints.max(0) * scale)])
    zipped(web.folder / f"{PERSON_FILE}.zip", web.folder / PERSON_FILE)
    write_clip(tmp_path / "clip.mp4", sample_pictures[:6])
    run = web.rtpose(
        "video", "clip.mp4", "--estimator", "cascaded", "--detector", "rtmpose", "--out", "by_rtmpose.npz", cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr
    by_rtmpose = Recording(tmp_path / "by_rtmpose.npz")
    assert by_rtmpose.meta["estimator"] == "rtmpose's person detector + cascaded"
    assert by_rtmpose.seen.all()
    truth = SampleTruth.load().joints_2d[:6]
    off = np.linalg.norm(by_rtmpose.arrays["keypoints_2d"][:, 0, :17, :2] - truth, axis=-1)
    assert np.median(off) < 0.1 * np.ptp(truth[..., 1], axis=1).mean()


def test_eval(web: Web, tmp_path: Path) -> None:
    """By the boxes of the detector that is named."""
    write_rendered(tmp_path / "people", StickPeople(2), split="test")
    write_finder(web.folder / PERSON_FILE, (8, 8, 88, 88))
    zipped(web.folder / f"{PERSON_FILE}.zip", web.folder / PERSON_FILE)
    by = ("--data", "rendered:people", "--detector", "rtmpose")
    run = web.rtpose("eval", "cascaded", *by, "--input", "detected", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "cropped by the boxes of rtmpose's person detector" in run.stdout
    run = web.rtpose("eval", "cascaded", *by, cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1] == "rtpose: --detector finds people: give --input detected with it"


def test_models(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")  # nothing is broken in two
    listed = rtpose("models", "list", cwd=tmp_path).stdout
    assert "rtmpose: finds people" in listed
    assert "rtmpose: 17 joints" in listed
    pulled = web.rtpose("models", "pull", "rtmpose", cwd=tmp_path)
    assert pulled.stdout.split() == [str(tmp_path / "cache" / name) for name in (PERSON_FILE, LANDMARK_FILE)]
    brought = web.rtpose("models", "import", web.folder / f"{LANDMARK_FILE}.zip", cwd=tmp_path)
    assert brought.stdout.split() == [str(tmp_path / "cache" / LANDMARK_FILE)]


@pytest.mark.parametrize("line", ["video clip.mp4 --detector rtmpose", "models pull rtmpose"])
def test_no_network(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "clip.mp4", [picture_of([Painted(40, 30)])])
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path / "cache"))
    no_web(monkeypatch)
    run = rtpose(*line.split(), cwd=tmp_path)
    assert run.returncode == 2
    said = run.stderr.splitlines()[-1]
    assert said.startswith("rtpose: cannot download https://")
    assert "rtpose models import FILE" in said
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "clip.npz").exists()


def test_another_detector(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", [picture_of([])])
    run = rtpose_process("video", "clip.mp4", "--detector", "openpose", cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1] == "rtpose: no detector 'openpose': choose one of blazepose, rtmpose"
    run = rtpose("eval", "svmac", "--detector", "rtmpose", cwd=tmp_path)
    assert run.returncode == 2
    assert "--detector applies to cascaded and two-stage" in run.stderr
