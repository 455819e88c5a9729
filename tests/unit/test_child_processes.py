"""Processes that rtpose starts import nothing from the folder where the user stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import rtpose
from rtpose.child_processes import PYTHON

PROGRAM = """
import multiprocessing, sys
sys.path.insert(0, sys.argv[1])
from rtpose.batch.processes import Processes
from batch_work import StartFakeWork, fake_jobs
from pathlib import Path

if __name__ == "__main__":
    jobs = fake_jobs(Path.cwd(), "a", "b")
    print(sorted(o.state for o in Processes(StartFakeWork(), 2, print).run(jobs, lambda *a: None)))
"""


def test_workers_do_not_run_a_file_of_the_current_folder(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for name in ("multiprocessing", "numpy"):
        (work / f"{name}.py").write_text("open('taken', 'w')\nraise SystemExit(3)\n")
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "main.py").write_text(PROGRAM)
    helpers = Path(__file__).parents[1] / "helpers"
    places = os.pathsep.join([str(Path(rtpose.__file__).parents[1]), str(helpers)])
    run = subprocess.run(
        [sys.executable, str(tmp_path / "program" / "main.py"), str(helpers)], cwd=work, text=True, timeout=100,
        capture_output=True, env={**os.environ, "PYTHONPATH": places},
    )  # fmt: skip
    assert run.stdout.strip() == "['done', 'done']", run.stderr
    assert not (work / "taken").exists()


def test_python_started_by_command_ignores_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(3)\n")
    assert subprocess.run([*PYTHON, "-c", "import json"], cwd=tmp_path, timeout=60).returncode == 0
