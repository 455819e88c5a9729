"""Who takes part, in which turn, and what becomes of a worker that fails."""

import sys
from pathlib import Path

import pytest

from rtpose.bench import sides
from rtpose.bench.sides import (
    Side,
    WorkerError,
    alternate,
    make_side,
    parse_peers,
    parse_settings,
    run_sides,
    watch_memory,
)
from rtpose.errors import ConfigError

CLIP = Path("clip.mp4")

FAKE = """
import json, sys, time
print(json.dumps({"ready": True}), flush=True)
log = open(sys.argv[1], "a")
for line in sys.stdin:
    order = json.loads(line)
    frames = order["frames"] or int(sys.argv[3])
    if order["details"]:
        log.write(sys.argv[2] + ("p" if order["page"] else "")); log.flush()
    name = "send" if order["page"] else "lift"
    stages = {name: [0.001 + order["page"] / 1000] * frames} if order["details"] else {}
    print(json.dumps({"frames": frames, "wall_s": 0.01 * frames, "between_s": [], "stages_s": stages, "people": 1}),
          flush=True)
"""
"""A worker that writes its letter down for each measured pass."""


def fake(letter: str, folder: Path, frames: int = 4) -> Side:
    return Side(letter, (sys.executable, "-c", FAKE, str(folder / "log"), letter, str(frames)), CLIP)


def test_every_other_round_goes_backwards() -> None:
    assert list(alternate(2, 3)) == [(0, 0), (0, 1), (1, 1), (1, 0), (2, 0), (2, 1)]
    assert [side for _, side in alternate(3, 2)] == [0, 1, 2, 2, 1, 0]


def test_workers_take_turns_and_show_the_page_at_the_end(tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    found = run_sides(
        [fake("a", tmp_path), fake("b", tmp_path)], rounds=3, frames=None, folder=tmp_path,
        report=lambda *progress: done.append(progress),
    )  # fmt: skip
    assert (tmp_path / "log").read_text() == "abbaab" + "apbp"
    assert done == [(i, 6) for i in range(6)]
    for side in found:
        assert side.ms_per_frame == pytest.approx(10)
        assert [(stage.name, stage.ms.median) for stage in side.stages] == [("lift", 1), ("send", 2)]
        assert side.peak_memory_mb > 1
        assert side.start_s > 0


def test_an_end_before_the_work_is_done_says_why(tmp_path: Path) -> None:
    no_start = Side("x", (sys.executable, "-c", "import sys; sys.exit('rtpose: it cannot be')"), CLIP)
    with pytest.raises(WorkerError, match=r"the side 'x' ended early: it cannot be$"):
        run_sides([no_start], rounds=1, frames=None, folder=tmp_path)
    with pytest.raises(WorkerError, match="cannot be started"):
        run_sides([Side("x", (str(tmp_path / "nothing"),), CLIP)], rounds=1, frames=None, folder=tmp_path)
    late = Side("y", (sys.executable, "-c", "print('{}', flush=True); input()"), CLIP)
    with pytest.raises(WorkerError, match="'y' ended early: it gave no reason"):
        run_sides([late], rounds=1, frames=None, folder=tmp_path)


def test_a_clip_without_frames_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"no frame in clip\.mp4"):
        run_sides([fake("a", tmp_path, frames=0)], rounds=1, frames=None, folder=tmp_path)


def test_memory_is_watched_for_as_long_as_wanted(tmp_path: Path) -> None:
    samples, frames = watch_memory(fake("a", tmp_path), 0.3)
    assert frames >= 4
    assert all(size > 1e6 for _, size in samples)
    assert not (tmp_path / "log").read_text()  # details would themselves need memory


def test_settings_as_the_user_writes_them() -> None:
    settings = parse_settings("lifter=svmac,persons=3,one_euro.beta_per_m=2")
    assert (settings.lifter, settings.persons, settings.one_euro.beta_per_m) == ("svmac", 3, 2)
    assert parse_settings("default") == parse_settings("") == parse_settings("lifter=fusion")
    with pytest.raises(ConfigError, match="colour"):
        parse_settings("colour=red")
    with pytest.raises(ConfigError, match="write name=value"):
        make_side("lifter", CLIP, {})


def test_peers_run_in_their_own_python(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.touch()
    peers = parse_peers([f"mediapipe={python}"])
    side = make_side("mediapipe", CLIP, peers)
    assert side.command[:2] == (str(python), "-I")
    assert Path(side.command[2]).name == "peer_mediapipe.py"
    assert make_side("", CLIP, peers).name == "default"
    for wrong in ("openpose=python", f"mediapipe={tmp_path / 'nothing'}", "mediapipe"):
        with pytest.raises(ConfigError, match=r"openpose|mediapipe=/path"):
            parse_peers([wrong])


def test_a_peer_without_its_package_is_one_line(tmp_path: Path) -> None:
    try:
        import mediapipe  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(WorkerError, match="No module named 'mediapipe'"):
            sides.Worker(make_side("mediapipe", CLIP, {"mediapipe": Path(sys.executable)}))
