"""`--estimator cascaded` and `rtpose eval` of a network for pictures, with an untrained network."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from cascaded_files import RECORDED, write_cascaded
from clips import Picture, write_clip
from command import rtpose, running
from mjpeg import MjpegStream
from posenet_files import write_mupots
from recording import Recording
from stick_people import StickPeople, write_rendered
from viewer import looking_at

from rtpose.networks.weights import CASCADED

WARNING = "trained on rendered people only: its error on real ones is not measured"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cascaded(tmp_path_factory.mktemp("cascaded"))


@pytest.mark.slow
def test_video(network: Path, sample_pictures: list[Picture], tmp_path: Path) -> None:
    """A file as of the default estimator, which names the network; and the warning that the file's facts ask for."""
    write_clip(tmp_path / "clip.mp4", sample_pictures[:6])
    run = rtpose("video", "clip.mp4", "--estimator", network, "--height", "1.8", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert WARNING in run.stderr
    recording = Recording(tmp_path / "clip.npz")
    assert len(recording) == 6
    assert recording.seen.all()
    assert set(recording.arrays["track_ids"].ravel().tolist()) == {0}
    assert np.isfinite(recording.arrays["poses_3d"]).all()
    assert (recording.arrays["root_3d"][..., 2] > 0).all()
    assert recording.meta["estimator"] == "blazepose's person detector + cascaded"
    assert re.fullmatch("[0-9a-f]{64}", recording.meta["weights_sha256"])
    assert recording.meta["assumptions"][0] == "standing height 1.80 m, as given"


@pytest.mark.slow
def test_the_shipped_network(sample_pictures: list[Picture], tmp_path: Path) -> None:
    """Without a file, and it sees what the default estimator sees: the joints of the built-in dancer."""
    write_clip(tmp_path / "clip.mp4", sample_pictures[:6])
    for name, arguments in (("direct", ("--estimator", "cascaded")), ("lifted", ())):
        run = rtpose("video", "clip.mp4", *arguments, "--out", f"{name}.npz", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
    direct, lifted = Recording(tmp_path / "direct.npz"), Recording(tmp_path / "lifted.npz")
    assert direct.seen.all()
    two_d = [one.arrays["keypoints_2d"][:, 0, :17, :2] for one in (direct, lifted)]
    tall = np.ptp(two_d[1][..., 1], axis=1).mean()
    assert np.median(np.linalg.norm(two_d[0] - two_d[1], axis=-1)) < 0.1 * tall
    assert rtpose("models", "path", "cascaded.onnx", cwd=tmp_path).stdout.strip() == str(CASCADED)
    assert "estimator" in rtpose("models", "list", cwd=tmp_path).stdout


@pytest.mark.slow
def test_webcam(network: Path, camera: MjpegStream, tmp_path: Path) -> None:
    """Live: a page's connection gets people, and hears what they come from."""
    command_line = ("webcam", "--no-browser", "--port", "0", "--camera", camera.url)
    with (
        running(*command_line, "--estimator", network, cwd=tmp_path) as command,
        looking_at(command.page()) as viewer,
    ):
        poses = viewer.poses(5)
        assert viewer.hello["estimator"] == "blazepose's person detector + cascaded"
        assert all(len(pose["persons"]) == 1 for pose in poses)


@pytest.mark.slow
def test_no_warning_for_a_network_of_recorded_people(sample_pictures: list[Picture], tmp_path: Path) -> None:
    file = write_cascaded(tmp_path, RECORDED)
    write_clip(tmp_path / "clip.mp4", sample_pictures[:2])
    run = rtpose("video", "clip.mp4", "--estimator", file, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "warning" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--estimator", "gone.onnx"), "gone.onnx does not exist"),
        (("--estimator", "cascaded", "--cascaded", "gone.onnx"), "gone.onnx does not exist"),
        (("--estimator", "cascaded", "--lifter", "svmac"), "lifter is a setting of the estimator two-stage"),
        (("--cascaded", "cascaded.onnx"), "cascaded is a setting of the estimator cascaded"),
        (("--estimator", "magic"), "magic"),
    ],
)
@pytest.mark.slow
def test_mistakes_are_one_line(arguments: tuple[str, ...], said: str, short_clip: Path, tmp_path: Path) -> None:
    run = rtpose("video", short_clip, *arguments, cwd=tmp_path)
    assert run.returncode == 2
    assert said in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_eval(network: Path, tmp_path: Path) -> None:
    write_rendered(tmp_path / "people", StickPeople(3))
    run = rtpose("eval", network, "--data", "rendered:people", "--json", "figures.json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "people in a picture" in run.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert (figures["lifter"], figures["pack"], figures["input"], figures["poses"]) == ("cascaded", "people", "gt", 3)
    assert {
        "weights_sha256", "backend", "seed", "mpjpe_mm", "p_mpjpe_mm", "n_mpjpe_mm", "pck_150", "auc",
        "accel_error_m_s2", "per_action", "per_subject",
    } <= set(figures)  # fmt: skip
    assert figures["p_mpjpe_mm"] <= figures["mpjpe_mm"]
    assert figures["people"]["people"] == 3
    assert figures["people"]["per_sequence"] == {}
    write_mupots(tmp_path / "mupots3d", {"TS1": 1, "TS2": 2})
    run = rtpose("eval", network, "--data", "mupots:mupots3d", "--json", "mupots.json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "mean of sequences" in run.stdout
    assert list(json.loads((tmp_path / "mupots.json").read_text())["people"]["per_sequence"]) == ["TS1", "TS2"]
    for arguments, said in (
        ((), "--data rendered:FOLDER"),
        (("--flip", "--data", "people"), "for lifters"),
        (("--data", "mupots"), "mupots:FOLDER"),
    ):
        run = rtpose("eval", network, *arguments, cwd=tmp_path)
        assert run.returncode == 2
        assert said in run.stderr
