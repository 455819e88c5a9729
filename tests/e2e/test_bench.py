"""`rtpose bench` and `rtpose doctor` as people run them, on the built-in clip. No figure is judged for speed."""

import json
import os
import signal
import socket
from pathlib import Path

import msgspec
import psutil
import pytest
from command import rtpose, running, wait_until

from rtpose import doctor
from rtpose.bench.report import BenchReport

STAGES = {"capture", "decode", "detect", "landmarks", "track", "lift", "smooth", "body", "record", "send", "preview"}


def bench(*args: str | Path, cwd: Path) -> BenchReport:
    run = rtpose("bench", "--json", "--quiet", *args, cwd=cwd)
    assert run.returncode == 0, run.stderr
    return msgspec.json.decode(run.stdout, type=BenchReport)


@pytest.mark.slow
def test_stages_and_the_distance_from_the_limit(tmp_path: Path) -> None:
    report = bench("--rounds", "2", "--frames", "20", cwd=tmp_path)
    (side,) = report.sides
    assert (side.name, side.clip, side.frames, len(side.round_ms_per_frame)) == ("default", "sample.mp4", 20, 2)
    assert side.people == 1
    assert {stage.name for stage in side.stages} == STAGES
    landmarks = next(stage for stage in side.stages if stage.name == "landmarks")
    assert landmarks.passes_per_frame >= 1
    assert side.cpu_s_per_frame > 0
    assert side.peak_memory_mb > 50
    assert [network.name for network in report.networks] == ["person detector", "landmarks", "lifter fusion"]
    assert all(network.ms > 0 and network.floor_ms > 0 and network.gflop > 0 for network in report.networks)
    assert not list(tmp_path.iterdir())  # nothing is left behind


@pytest.mark.slow
def test_two_settings_in_turns(tmp_path: Path) -> None:
    report = bench(
        "--rounds", "1", "--frames", "12", "--no-roofline", "--compare", "lifter=svmac", "lifter=svmac,threads=1",
        cwd=tmp_path,
    )  # fmt: skip
    assert [side.name for side in report.sides] == ["lifter=svmac", "lifter=svmac,threads=1"]
    (ratio,) = report.ratios
    a, b = report.sides
    assert ratio.speed == pytest.approx(b.ms_per_frame / a.ms_per_frame)
    (agreement,) = report.agreements
    assert agreement.frames == 12
    assert agreement.percent_of_height.p95 < 0.1  # the same arithmetic, in another order
    assert agreement.mm is not None
    assert agreement.mm.p95 < 1
    assert report.networks == []


@pytest.mark.slow
def test_a_crowd_is_really_followed(short_clip: Path, tmp_path: Path) -> None:
    report = bench(short_clip, "--rounds", "1", "--frames", "15", "--no-roofline", "--people", "2", cwd=tmp_path)
    (side,) = report.sides
    assert (side.name, side.people) == ("persons=2", pytest.approx(2, abs=0.2))


@pytest.mark.slow
def test_pages_receive_every_pose(short_clip: Path, tmp_path: Path) -> None:
    """Also beside some that never read and some that send rubbish."""
    row, crowd = bench(short_clip, "--rounds", "1", "--clients", "2,24", "--hostile", "6", cwd=tmp_path).live
    assert (row.pages, row.browser, row.frames, row.source_fps, row.hostile) == (2, False, 30, 30, 0)
    assert row.drawn_ms is not None
    assert row.drawn_ms.median >= row.compute_ms.median
    assert row.received is not None
    assert row.received.poses_per_page_s > 0
    assert (crowd.pages, crowd.frames, crowd.hostile) == (24, 30, 6)
    assert crowd.received is not None
    assert (crowd.received.newest, crowd.received.lost) == (12, 0)
    assert crowd.received.share > 0.9
    assert crowd.received.thrown_out > 0


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signal for a process")
@pytest.mark.slow
def test_cut_off_in_the_middle_it_is_silent(short_clip: Path, tmp_path: Path) -> None:
    with running("bench", short_clip, "--json", "--clients", "2", "--rounds", "200", cwd=tmp_path) as command:
        looking_on: list[psutil.Process] = []

        def connected() -> bool:
            children = psutil.Process(command.process.pid).children()
            looking_on[:] = [child for child in children if "rtpose.bench.clients" in child.cmdline()]
            return bool(looking_on) and len(looking_on[0].net_connections()) >= 2

        wait_until(connected, "the clients")
        for process in looking_on:  # a terminal sends it to all
            process.send_signal(signal.SIGINT)
        assert command.end(signal.SIGINT) == 130
        assert command.stdout + command.stderr == []


@pytest.mark.slow
@pytest.mark.browser
def test_a_frame_is_drawn_by_a_browser(chromium: str, short_clip: Path, tmp_path: Path) -> None:
    (row,) = bench(short_clip, "--rounds", "1", "--page", cwd=tmp_path).live
    assert (row.pages, row.browser) == (1, True)
    assert 0 < row.drawn_frames <= 30


@pytest.mark.slow
def test_memory_over_a_while(short_clip: Path, tmp_path: Path) -> None:
    memory = bench(short_clip, "--minutes", "0.02", cwd=tmp_path).memory
    assert memory is not None
    assert memory.frames % 30 == 0
    assert memory.frames > 0
    assert memory.end_mb > 50


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--settings", "lifter=nothing"), "no lifter 'nothing'"),
        (("--people", "5"), "give 1 to 4"),
    ],
)
@pytest.mark.slow
def test_what_cannot_be_measured_is_one_line(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    run = rtpose("bench", "--no-roofline", *arguments, cwd=tmp_path)
    assert run.returncode == 2
    assert said in run.stderr
    assert run.stderr.startswith("rtpose: ")
    assert len(run.stderr.splitlines()) == 1


@pytest.fixture
def short_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "BENCHMARK_S", 0.2)


@pytest.mark.usefixtures("short_benchmark")
@pytest.mark.slow
def test_the_doctor_finds_the_port_taken_and_ends_well(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = rtpose("doctor", "--json", "--port", str(port), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    lines = {line["what"]: line for line in json.loads(run.stdout)["lines"]}
    assert lines[f"port {port}"]["state"] == "problem"
    assert {"system", "backend openvino", "cache", "page", "browser", "benchmark", "lifters"} <= set(lines)
    assert any(name.startswith("engine") for name in lines)
    assert " fps, " in lines["benchmark"]["found"]
    for line in lines.values():
        assert line["state"] == "ok" or line["do"], line
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("short_benchmark")
@pytest.mark.slow
def test_the_doctor_without_networks_or_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path / "empty"))
    run = rtpose("doctor", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "rtpose models pull" in run.stdout
    assert not (tmp_path / "empty").exists()
