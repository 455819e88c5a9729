"""The report for people: every part that is there, and nothing of those that are not."""

import io

from rich.console import Console

from rtpose.bench.report import (
    Agreement,
    BenchReport,
    LiveFigures,
    MachineFigures,
    NetworkFigures,
    ReceivedFigures,
    Round,
    Spread,
    memory_figures,
    ratio,
    side_figures,
)
from rtpose.bench.tables import print_report


def printed(report: BenchReport) -> str:
    text = io.StringIO()
    print_report(report, Console(file=text, width=260, markup=False))
    return " ".join(text.getvalue().replace("│", " ").split())


def test_all_parts() -> None:
    fast = side_figures("a", "[clip].mp4", 1, [Round(2, 0.02, 0.03, 5 * 10**6, [0.012], {"lift": [0.001] * 2}, 1.0)])
    slow = side_figures("b", "[clip].mp4", 1, [Round(2, 0.04, 0.06, 5 * 10**6, [], {}, 1.0)])
    report = BenchReport(
        version="1", rounds=1, machine=MachineFigures("Chip", 2, "Linux", "3.11", 0.5, 100.0, 20.0), sides=[fast, slow],
        ratios=[ratio(fast, slow)], agreements=[Agreement("b", "a", 7, Spread(0.5, 1.25), Spread(3, 9))],
        networks=[NetworkFigures("net", "openvino", "fp32", 0.5, 8, 5, 10, 0.5)],
        live=[
            LiveFigures(1, True, 90, 29.9, 30, Spread(10, 12), Spread(11, 14), 88, 0.015, None),
            LiveFigures(
                100, False, 90, 29.9, 30, Spread(10, 12), None, 0, None,
                ReceivedFigures(28.5, 0.975, 79, (1.0, 5.5, 9.0), 1, 42), memory_figures([(0.0, 10**8)], 9), 10,
            ),
        ],
        memory=memory_figures([(0.0, 10**8), (60.0, 10**8)], 9),
    )  # fmt: skip
    text = printed(report)
    for part in (
        "Chip, 2 cores, Linux, Python 3.11; load before: 0.5; matrix product 100 GFLOP/s, copy 20.0 GB/s",
        "a [clip].mp4 2 10.00 100.0 12.00 / 12.00 15.00 5 1.00 1.0",
        "a is 2.00 times as fast as b (rounds 2.00 to 2.00), with 0.50 of its CPU time",
        "b and a, joints of 7 frames: 0.50 / 1.25 % of the person's height apart, in 3D 3.0 / 9.0 mm",
        "lift 1.00 1.000 1.000 1.000 10.0%",
        "net openvino fp32 0.5000 8.00 5.000 10.000 2.0 50%",
        "1 in a browser 29.90 30 10.00 / 12.00 11.00 / 14.00 1.40 88 of 90 1.5%",
        "not known here 28.5 (97.5%) 1.0 / 5.5 / 9.0 100 to 100",
        "100 pages: 79 of 80 ended with the newest pose, 1 were disconnected; hostile ones were disconnected 42 times",
        "9 frames: memory from 100.0 to 100.0 MB, slope not known",
    ):
        assert part in text, text


def test_nothing_but_the_machine() -> None:
    report = BenchReport(version="1", rounds=1, machine=MachineFigures("Chip", 2, "Linux", "3.11", 0.5))
    assert printed(report) == "Chip, 2 cores, Linux, Python 3.11; load before: 0.5"
