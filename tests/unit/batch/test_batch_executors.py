"""Executors, with work that needs no networks."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from batch_work import FakeWork, StartFakeWork, fake_jobs

from rtpose.batch.executors import MOST_DEATHS, Here
from rtpose.batch.jobs import Job
from rtpose.batch.processes import Processes, threads_each
from rtpose.batch.ray_cluster import RayCluster
from rtpose.errors import MissingExtraError, RtposeError


def no_frames(job: Job, done: int, total: int | None) -> None:
    pass


def test_here_one_after_the_other_until_the_stop(tmp_path: Path) -> None:
    executor = Here(FakeWork())
    outcomes = executor.run(fake_jobs(tmp_path, "a", "b", "endless"), no_frames)
    assert next(outcomes).job.name == "a"
    assert next(outcomes).job.name == "b"
    executor.stop()
    assert [one.state for one in outcomes] == []
    assert (tmp_path / "a.out").read_text() == str(os.getpid())


def test_processes_share_the_jobs_and_a_dead_one_loses_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    frames: list[str] = []
    names = ["a", "deadly_once-1", "b", "deadly", "c", "d"]
    executor = Processes(StartFakeWork(), 2, said.append)
    outcomes = list(
        executor.run(fake_jobs(tmp_path, *names), lambda job, done, total: frames.append(job.name))
    )  # fmt: skip
    assert {one.job.name: one.state for one in outcomes} == {**dict.fromkeys(names, "done"), "deadly": "failed"}
    assert sorted(frames) == ["a", "b", "c", "d", "deadly_once-1"]
    assert len((tmp_path / "deadly_once-1.tries").read_text()) == 2
    assert len((tmp_path / "deadly.tries").read_text()) == MOST_DEATHS
    (failed,) = (one for one in outcomes if one.state == "failed")
    assert failed.error == f"deadly: {MOST_DEATHS} processes died on it, exit code 9"
    assert len(said) == 1 + MOST_DEATHS - 1
    pids = {file.read_text() for file in tmp_path.glob("*.out")}
    assert str(os.getpid()) not in pids


def test_what_a_process_has_to_say_reaches_the_user(tmp_path: Path) -> None:
    notices: list[str] = []
    outcomes = list(Processes(StartFakeWork(), 1, notices.append).run(fake_jobs(tmp_path, "warned-1", "a"), no_frames))
    assert [one.state for one in outcomes] == ["done", "done"]
    assert notices == ["warned-1 is odd"]


def test_stopped_processes_keep_what_is_done(tmp_path: Path) -> None:
    executor = Processes(StartFakeWork(), 2, print)
    done = []
    for outcome in executor.run(fake_jobs(tmp_path, "endless-1", "a", "endless-2", "b"), no_frames):
        done.append(outcome.job.name)
        executor.stop()
    assert done == ["a"]
    assert [file.name for file in tmp_path.glob("*.out")] == ["a.out"]
    assert not (tmp_path / "b.tries").exists()


def test_what_no_process_can_do_ends_all(tmp_path: Path) -> None:
    executor = Processes(StartFakeWork(), 1, print)
    with pytest.raises(RtposeError, match="there is no network"):
        list(executor.run(fake_jobs(tmp_path, "no_network", "a"), no_frames))
    assert not (tmp_path / "a.out").exists()


def test_a_cluster_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[cluster\]'"):
        RayCluster(StartFakeWork(), "auto", threads=1)


def test_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise ConnectionError("Could not find any running Ray instance.\nPlease specify one")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    with pytest.raises(
        RtposeError, match=r"no Ray cluster at 'auto' \(Could not find any.*\): start one with `ray start"
    ):
        RayCluster(StartFakeWork(), "auto", threads=1)


def test_threads_fill_the_processor_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert [threads_each(workers) for workers in (1, 2, 3, 8, 20)] == [8, 4, 2, 1, 1]
