"""An output that fails during a run: reported at once, on the terminal and on the page; the rest continues."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import breaking_stream
import pytest
from breaking_stream import BreakingStream
from pages import OpenPage, wait_for, wait_for_people

import rtpose
from rtpose.assets import sample_clip
from rtpose.cli import main
from rtpose.outputs import send
from rtpose.recordings.npz import read_npz
from rtpose.session import Session

TEXT = "an output failed and was stopped (Broken pipe); the rest continues"
NOTE_TOAST = """
() => { const toast = document.querySelector("#toast");
  new MutationObserver(() => { if (toast.textContent) document.body.dataset.toastMs ??= String(Date.now()); })
    .observe(toast, { childList: true, characterData: true, subtree: true }); }
"""
"""Notes when the page shows a message."""


@pytest.mark.slow
@pytest.mark.browser
def test_the_terminal_and_the_page_say_so_within_a_second(open_page: OpenPage) -> None:
    breaking_stream.failed_s.clear()
    notices: list[tuple[str, float]] = []
    session = Session(on_notice=lambda line: notices.append((line, time.monotonic())))
    with session.serve(source="sample", port=0) as server:

        def run(streams: list[BreakingStream]) -> None:
            with rtpose.open_source(sample_clip()) as frames:
                session.run(frames, server=server, streams=streams, real_time=True)

        first = threading.Thread(target=run, args=([],))
        first.start()
        page = open_page(server.url)
        wait_for_people(page)  # everything that is slow once in a browser is done
        first.join()
        page.evaluate(NOTE_TOAST)
        clocks_apart_s = time.time() - time.monotonic()
        running = threading.Thread(target=run, args=([BreakingStream()],))
        running.start()
        wait_for(page, "body.toastMs")
        assert running.is_alive()
        frames_then = int(page.evaluate("document.body.dataset.frames"))
        assert page.inner_text("#toast") == TEXT
        shown_s = float(page.evaluate("document.body.dataset.toastMs")) / 1000 - clocks_apart_s
        running.join()
        wait_for(page, f"Number(body.frames) > {frames_then} && body.state === 'live'")
    (raised_s,) = breaking_stream.failed_s  # it gets nothing more
    ((line, reported_s),) = notices
    assert line == TEXT
    assert reported_s - raised_s < 1
    assert shown_s - raised_s < 1


@pytest.mark.slow
def test_the_command_says_so_once_goes_on_and_exits_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(send.REGISTRY, "broken", "breaking_stream:BreakingStream")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["rtpose", "video", str(sample_clip()), "--send", "broken://x", "--out", "poses.npz", "--quiet"]
    )
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert err == f"rtpose: {TEXT}\n"
    assert "frames in" in out
    with rtpose.open_source(sample_clip()) as frames:
        assert len(read_npz(tmp_path / "poses.npz").frame_ids) == frames.info.frame_count


@pytest.mark.slow
def test_a_batch_fails_the_video_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], short_clip: Path
) -> None:
    monkeypatch.setitem(send.REGISTRY, "broken", "breaking_stream:BreakingStream")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["rtpose", "video", str(short_clip), "--send", "broken://x", "--report", "report.json", "--quiet"]
    )
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert err == f"rtpose: {TEXT}\nrtpose: 1 of 1 inputs failed: see above\n"
    assert "failed" in out
    assert not (tmp_path / "short.npz").exists()
