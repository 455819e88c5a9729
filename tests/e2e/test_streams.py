"""`--send`: other programs receive the poses of a live run, all kinds at once."""

from __future__ import annotations

import os
import signal
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import rtpose, running
from mjpeg import MjpegStream
from receivers import lsl_receiver, osc_receiver, udp_receiver

from rtpose.skeleton import RTPOSE28

BONES = 19


@pytest.mark.slow
def test_four_programs_receive_a_live_run(camera: MjpegStream, tmp_path: Path) -> None:
    name = f"rtpose test {uuid.uuid4()}"
    with osc_receiver() as avatar, osc_receiver() as osc, udp_receiver() as udp:
        send = [f"vmc://127.0.0.1:{avatar.port}", f"osc://127.0.0.1:{osc.port}", f"udp://127.0.0.1:{udp.port}"]
        options = [part for address in (*send, f"lsl://{name}") for part in ("--send", address)]
        with running(
            "webcam", "--camera", camera.url, "--no-browser", "--port", "0", *options, cwd=tmp_path
        ) as command:
            command.page()
            with lsl_receiver(name) as inlet:
                assert inlet.info(timeout=10).get_channel_labels()[4:6] == ["right_hip.x", "right_hip.y"]
                samples = [inlet.pull_sample(timeout=30)[0] for _ in range(40)]
            lines = {line["frame_id"]: line for line in (udp.line() for _ in range(60))}
            osc.wait(60)
            avatar.wait(60)
            if os.name == "posix":
                assert command.end(signal.SIGINT) == 0
            said = "".join([*command.stdout, *command.stderr])
            assert "rtpose:" not in said, said

    # The same joints everywhere: UDP tells the root and the joints relative to it, the others their sum.
    def places(line: dict) -> np.ndarray:
        (person,) = line["persons"]
        return np.array(person["joints"])[:, :3] + np.array(person["root"])

    by_osc: dict[int, list[tuple[Any, ...]]] = {}
    for bundle in osc.bundles:
        joints_sent = [message for message in bundle[1:] if "/joint/" in message[0]]
        by_osc.setdefault(bundle[0][1], []).extend(joints_sent)
    both = [frame_id for frame_id in by_osc if frame_id in lines and lines[frame_id]["persons"]]
    assert len(both) >= 20
    for frame_id in both:
        rows = np.array([row[1:4] for row in by_osc[frame_id]])
        np.testing.assert_allclose(rows, places(lines[frame_id]), atol=1e-5)
    assert list(lines) == sorted(lines), "never an older result after a newer one"

    shown = [places(line) for line in lines.values() if line["persons"]]
    stood = [sample for sample in np.array(samples).reshape(-1, 28 + 19, 4)[:, :28, :3] if np.isfinite(sample).all()]
    assert len(stood) >= 20
    nearest = [min(np.abs(place - sample).max() for place in shown) for sample in stood]
    assert np.median(nearest) < 1e-5, "samples are poses of the run"

    firsts = [i for i, bundle in enumerate(avatar.bundles) if bundle[0][0] == "/VMC/Ext/OK"]
    poses = [[message for bundle in avatar.bundles[a:b] for message in bundle] for a, b in pairwise(firsts)]
    tracked = [pose for pose in poses if pose[0][-1] == 1]
    assert len(tracked) >= 20
    sizes = [len(pose) for pose in tracked]
    assert np.median(sizes) == max(sizes) == 3 + BONES, "all bones but those of joints that are guesses"
    hips = np.array([bundle[3][2:5] for bundle in tracked])
    assert tracked[0][3][1] == "Hips"
    assert 0.6 < np.median(hips[:, 1]) < 1.3, "somebody who stands, metres above the floor"
    assert by_osc[both[0]][0][0].endswith(f"/joint/{RTPOSE28.joints[0]}")


@pytest.mark.slow
def test_a_clip_is_sent_at_its_own_speed(short_clip: Path, tmp_path: Path) -> None:
    with udp_receiver() as udp:
        address = f"udp://127.0.0.1:{udp.port}"
        done = rtpose("video", short_clip, "--out", "poses.npz", "--send", address, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        lines = [udp.line() for _ in range(20)]
    assert (tmp_path / "poses.npz").is_file()
    taken_s = (lines[-1]["capture_ns"] - lines[0]["capture_ns"]) / 1e9
    frames = lines[-1]["frame_id"] - lines[0]["frame_id"]
    assert taken_s > frames / 30 - 0.1, "faster than the clip itself"


def test_a_bad_address_is_one_line_before_any_work(short_clip: Path, tmp_path: Path) -> None:
    done = rtpose("video", short_clip, "--send", "udp://no.such.host.invalid:9000", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("rtpose: 'udp://no.such.host.invalid:9000': unknown host no.such.host.invalid")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
