"""The figures, against ones reckoned by hand."""

import json
from pathlib import Path

import msgspec
import pytest

from rtpose.bench import report
from rtpose.bench.report import BenchReport, MachineFigures, Round, Spread, memory_figures, ratio, side_figures, spread


def a_round(wall_s: float, *, frames: int = 2, cpu_s: float = 1.0, peak: int = 0, people: float = 1.0) -> Round:
    return Round(frames, wall_s, cpu_s, peak, [], {}, people)


def test_median_and_p95_by_hand() -> None:
    assert spread([3.0, 1.0, 2.0, 4.0]) == Spread(2.5, pytest.approx(3.85))  # 0.95 * 3 = 2.85 places on: 3 + 0.85
    assert spread([7.0]) == Spread(7, 7)
    assert spread(list(range(101)), 1000) == Spread(50_000, 95_000)


def test_a_side_is_the_median_of_its_rounds() -> None:
    rounds = [
        a_round(0.2, cpu_s=0.4, peak=1_000_000),
        a_round(2.0, cpu_s=0.6, peak=3_000_000, people=2),  # another program was busy
        a_round(0.4, cpu_s=0.5, peak=2_000_000, people=3),
    ]
    side = side_figures("a", "clip.mp4", 1.5, rounds)
    assert side.round_ms_per_frame == pytest.approx([100, 1000, 200])
    assert (side.ms_per_frame, side.fps) == pytest.approx((200, 5))
    assert side.cpu_s_per_frame == pytest.approx(0.25)
    assert (side.peak_memory_mb, side.people, side.frames, side.start_s) == (3, 2, 2, 1.5)
    assert side.between_frames_ms is None
    assert side.stages == []


def test_stages_are_of_all_rounds_and_in_a_frames_order() -> None:
    rounds = [
        Round(2, 0.1, 0.1, 0, [0.05], {"pose": [1.0], "lift": [0.002, 0.004], "decode": [0.01]}, 1.0),
        Round(2, 0.1, 0.1, 0, [0.07], {"lift": [0.002, 0.012]}, 1.0),
    ]
    page = Round(4, 9.0, 9.0, 0, [], {"send": [0.001] * 4, "lift": [5.0], "preview": []}, 1.0)
    side = side_figures("a", "clip.mp4", 0, rounds, page)
    assert [stage.name for stage in side.stages] == ["decode", "lift", "pose", "send"]
    decode, lift, _, send = side.stages
    assert decode.passes_per_frame == pytest.approx(0.25)
    assert decode.ms_per_frame == pytest.approx(2.5)
    assert (lift.passes_per_frame, lift.ms.median, lift.ms_per_frame) == pytest.approx((1, 3, 5))
    assert lift.share == pytest.approx(5 / 50)
    assert (send.passes_per_frame, send.ms_per_frame, send.share) == pytest.approx((1, 1, 0.02))
    assert side.between_frames_ms == Spread(pytest.approx(60), pytest.approx(69))


def test_a_ratio_is_of_medians_and_its_range_of_rounds_in_turn() -> None:
    fast = side_figures("fast", "c", 0, [a_round(1, cpu_s=1), a_round(2, cpu_s=1), a_round(3, cpu_s=1)])
    slow = side_figures("slow", "c", 0, [a_round(4, cpu_s=2), a_round(3, cpu_s=2), a_round(6, cpu_s=2)])
    found = ratio(fast, slow)
    assert (found.side, found.than, found.speed, found.cpu) == ("fast", "slow", pytest.approx(2), 0.5)
    assert (found.lowest, found.highest) == pytest.approx((1.5, 4))
    assert ratio(slow, fast).speed == pytest.approx(0.5)


def test_the_slope_leaves_the_warm_up_out() -> None:
    """300 MB at once in the first fifth of ten minutes, then 1 MB a minute."""
    samples = [(60.0 * minute, int(1e6 * (300 + minute if minute >= 2 else 0))) for minute in range(11)]
    found = memory_figures(samples, 77)
    assert found.slope_mb_per_hour == pytest.approx(60)
    assert (found.minutes, found.frames, found.start_mb, found.end_mb) == (10, 77, 302, 310)


def test_flat_memory_has_no_slope() -> None:
    assert memory_figures([(t, 10**8) for t in range(50)], 1).slope_mb_per_hour == pytest.approx(0, abs=1e-6)
    assert memory_figures([(0.0, 10**8)], 1).slope_mb_per_hour is None


def test_the_json_is_read_back_by_its_schema() -> None:
    side = side_figures("a", "clip.mp4", 1.0, [Round(2, 0.1, 0.1, 5, [0.05], {"lift": [0.01]}, 1.0)])
    whole = BenchReport(
        version="1", rounds=1, machine=MachineFigures("p", 2, "s", "3", 0.5), sides=[side], ratios=[ratio(side, side)],
        memory=memory_figures([(0.0, 1)], 1),
    )  # fmt: skip
    text = msgspec.json.encode(whole)
    assert msgspec.json.decode(text, type=BenchReport) == whole
    assert json.loads(text)["format"] == report.FORMAT
    assert set(json.loads(text)["sides"][0]) >= {"ms_per_frame", "fps", "cpu_s_per_frame", "peak_memory_mb", "stages"}


def test_this_machine() -> None:
    machine = report.machine()
    assert machine.cores >= 1
    assert machine.load >= 0
    assert machine.processor or not Path("/proc/cpuinfo").exists()
