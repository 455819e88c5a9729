"""What is to be done, and where it goes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtpose.batch.jobs import Job, WholeOutputs, check_outputs, done_before, made_folders, plan
from rtpose.capture.images import find_images
from rtpose.errors import InputError, OutputError
from rtpose.recordings.output_file import OutputFile


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def planned(*inputs: str, out: str | None = "out", overlay: str | None = None) -> dict[str, str]:
    jobs = plan(inputs, Path(out) if out else None, Path(overlay) if overlay else None).jobs
    return {Path(job.name).as_posix(): job.out.as_posix() for job in jobs}


def test_a_pattern_keeps_the_folders_below_its_fixed_part(here: Path) -> None:
    touch("clips/b.mp4", "clips/x/10.mp4", "clips/x/9.mp4", "clips/x/y/b.mp4", "clips/.hidden.mp4", "clips/note.txt")
    (here / "clips" / "folder.mp4").mkdir()
    found = planned("clips/**/*.mp4")
    assert found == {
        "clips/b.mp4": "out/b.npz", "clips/x/9.mp4": "out/x/9.npz", "clips/x/10.mp4": "out/x/10.npz",
        "clips/x/y/b.mp4": "out/x/y/b.npz",
    }  # fmt: skip
    assert [name.split("/")[-1] for name in found if name.startswith("clips/x/1") or "9" in name] == ["9.mp4", "10.mp4"]
    assert planned("clips/x/*/b.mp4") == {"clips/x/y/b.mp4": "out/y/b.npz"}
    assert planned(f"{here}/clips/?.mp4") == {f"{here}/clips/b.mp4": "out/b.npz"}
    (job,) = plan(["clips/b*"], None, None).jobs
    assert job.files == [here / "b.npz"]


def test_a_name_with_wildcards_in_it_is_a_name_if_there_is_such_a_file(here: Path) -> None:
    touch("take [1] *.mp4", "take 1 x.mp4")
    wanted = plan(["take [1] *.mp4"], Path("out"), None)
    (job,) = wanted.jobs
    assert (job.name, job.out.name, wanted.several) == ("take [1] *.mp4", "out", False)
    assert planned("take [1] *.mp4", out=None) == {"take [1] *.mp4": "take [1] *.npz"}
    assert job.source == str(here / "take [1] *.mp4")
    assert planned("take*") == {"take [1] *.mp4": "out/take [1] *.npz", "take 1 x.mp4": "out/take 1 x.npz"}


def test_equal_names_with_other_endings_keep_them(here: Path) -> None:
    touch("clips/a.mp4", "clips/a.mov", "clips/b.v2.mp4", "clips/x/a.mp4")
    assert planned("clips/**/*", overlay="drawn") == {
        "clips/a.mov": "out/a.mov.npz", "clips/a.mp4": "out/a.mp4.npz", "clips/b.v2.mp4": "out/b.v2.npz",
        "clips/x/a.mp4": "out/x/a.npz",
    }  # fmt: skip


def test_a_pattern_of_pictures_is_one_input_wherever_one_stands(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = here / "[odd] folder"
    inside.mkdir()
    monkeypatch.chdir(inside)
    touch("p/1.png", "p/2.png")
    wanted = plan(["p/*.png"], None, None)
    (job,) = wanted.jobs
    assert (job.name, job.out, wanted.several) == ("p/*.png", Path("poses.npz"), False)
    monkeypatch.chdir(here)
    assert [image.name for image in find_images(Path(job.source))] == ["1.png", "2.png"]


def test_a_pattern_that_matches_nothing(here: Path) -> None:
    with pytest.raises(InputError, match=r"no file matches 'clips/\*\*/\*\.mp4'"):
        plan(["clips/**/*.mp4"], None, None)
    (job,) = plan(["http://host/a.mp4?x=[1]"], None, None).jobs
    assert job.source == "http://host/a.mp4?x=[1]"
    assert job.out == Path("a.npz")


def test_outputs_that_cannot_be(here: Path) -> None:
    touch("a/x.mp4", "b/x.mp4", "file")
    with pytest.raises(OutputError, match=r"two outputs would be written to out.x\.npz.*quotes"):
        check_outputs(plan(["a/x.mp4", "b/x.mp4"], Path("out"), None), overwrite=False)
    with pytest.raises(OutputError, match="the folder file is a file"):
        check_outputs(plan(["a/*.mp4"], Path("file"), None), overwrite=False)
    touch("a/y.mp4")
    with pytest.raises(OutputError, match="is an input"):
        check_outputs(plan(["a/*.mp4"], Path("out"), Path("a")), overwrite=True)
    touch("out/x.npz")
    check_outputs(plan(["*/x.mp4"], Path("out/deep/er"), None), overwrite=False)
    assert not (here / "out" / "deep").exists()


def write_poses(file: Path, ids: list[list[int]]) -> None:
    np.savez(file, track_ids=np.array(ids, np.int32), meta=np.array("{}"))


def test_done_is_what_has_all_its_outputs(here: Path) -> None:
    job = Job("a.mp4", Path("a.npz"), Path("a.mp4.drawn.mp4"), here)
    write_poses(here / "a.npz", [[0, 1], [-1, -1], [-1, 2]])
    assert done_before(job) is None, "the overlay is missing"
    touch("a.mp4.drawn.mp4")
    done = done_before(job)
    assert done is not None
    assert done.summary is not None
    assert done.state == "skipped"
    assert (done.summary.frames, done.summary.frames_with_people, done.summary.most_people) == (3, 2, 2)


@pytest.mark.parametrize("content", [b"", b"the thesis", None])
def test_a_foreign_file_is_not_written_over(content: bytes | None, here: Path) -> None:
    if content is None:
        np.savez(here / "a.npz", weights=np.zeros(3))
    else:
        (here / "a.npz").write_bytes(content)
    found = done_before(Job("a.mp4", Path("a.npz"), None, here))
    assert found is not None
    assert found.state == "failed"
    assert "a.npz is not a poses.npz" in (found.error or "")
    assert "--overwrite" in (found.error or "")


def test_folders_are_kept_if_something_is_in_them(here: Path) -> None:
    jobs = [Job("a", Path("out/x/y/a.npz"), None, here), Job("b", Path("out/z/b.npz"), None, here)]
    with made_folders(jobs):
        touch("out/z/b.npz")
        assert (here / "out/x/y").is_dir()
    assert sorted(path.relative_to(here).as_posix() for path in here.rglob("*")) == ["out", "out/z", "out/z/b.npz"]


def test_outputs_get_their_names_together(here: Path) -> None:
    job = Job("a.mp4", Path("a [1].npz"), Path("a.mov"), here)
    neighbour = WholeOutputs(replace(job, out=Path("a [1].left.npz"), overlay=Path("a.left.mov"))).job
    kept = {"a [1].npz", "a.mov", *(file.name for file in neighbour.files)}
    touch(*(file.name for file in neighbour.files))
    with WholeOutputs(job) as halves:
        for file in halves.job.files:
            assert file.name.startswith(".a")
            assert str(os.getpid()) in file.name
            file.write_text("whole")
            died = file.with_name(file.name.replace(str(os.getpid()), "77"))
            touch(died.name, f"{died.name}.part")
        assert not any(file.exists() for file in job.files)
        halves.commit()
    assert [file.read_text() for file in job.files] == ["whole", "whole"]
    assert {path.name for path in here.iterdir()} == kept, "what died is removed, what a neighbour writes is not"


@pytest.mark.parametrize("letter", ["x", "ö", "😀"])
def test_a_name_may_be_as_long_as_the_file_system_allows(letter: str, here: Path) -> None:
    name = letter * (250 // len(letter.encode())) + ".npz"
    job = Job("a.mp4", Path(name), None, here)
    with WholeOutputs(job) as halves:
        out = OutputFile(halves.job.files[0], overwrite=True)
        with out.writing():
            out.part.write_text("whole")
        out.commit()
        halves.commit()
    assert [path.name for path in here.iterdir()] == [name]


def test_a_pattern_follows_no_link_in_a_circle(here: Path) -> None:
    touch("clips/a.mp4", "clips/x/b.mp4", "clips/p/1.png")
    for link in ("clips/again", "clips/and_again", "clips/p/again"):
        Path(link).symlink_to(here / "clips", target_is_directory=True)
    assert planned("clips/**/*.mp4") == {"clips/a.mp4": "out/a.npz", "clips/x/b.mp4": "out/x/b.npz"}
    assert [str(image) for image in find_images(Path("clips/**/*.png"))] == ["clips/p/1.png"]
    assert planned("clips/**a.mp4") == {"clips/a.mp4": "out/a.npz"}


def test_outputs_that_are_given_up_leave_nothing(here: Path) -> None:
    touch("a.npz")
    with WholeOutputs(Job("a.mp4", Path("a.npz"), None, here)) as halves:
        halves.job.files[0].write_text("half")
    assert [(path.name, path.read_text()) for path in here.iterdir()] == [("a.npz", "")]
    with pytest.raises(OutputError, match="all machines share"):
        WholeOutputs(Job("a.mp4", Path("gone/a.npz"), None, here))
