"""Rendered people with labels. Skipped where the body's rig, OpenGL or the motion pack is missing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import ConfigError, InputError, OutputError
from rtpose.geometry import pixels_from_camera
from rtpose.skeleton import H36M17
from rtpose.train.synth.photo import Split, find_pictures, photographed, procedural_backdrop

pytest.importorskip("anny", reason="the extra synth is not installed")
pytest.importorskip("moderngl", reason="the extra synth is not installed")
from anny.paths import get_anny_cache_path
from asf_files import amc_text, asf_text

from rtpose.train.data.readers.cmu_angles import prepare_cmu_angles
from rtpose.train.synth.people import (
    HELD_OUT_SUBJECTS,
    PeopleSettings,
    RenderedPeople,
    RenderedPicture,
    _label,
    _person_view,
)
from rtpose.train.synth.renderer import Renderer
from rtpose.train.synth.scene import CUBE, solid
from rtpose.train.synth.shards import RenderedFolder, render_folder
from rtpose.train.synth.surfaces import Material
from rtpose.train.synth.view import FAR_M

MOTIONS = Path(__file__).resolve().parents[5] / "shared" / "data" / "cmu_amc30_train.npz"
SIZE = (96, 96)
ORDER = (7, 0, 130)
SETTINGS = PeopleSettings(size=SIZE, most_people=3)
SCRIPT = """
import hashlib, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from rtpose.train.synth.people import PeopleSettings, RenderedPeople
people = RenderedPeople(Path(sys.argv[1]), PeopleSettings(size=(96, 96), most_people=3))
for i in sorted(map(int, sys.argv[2:])):
    p = people[i]
    print(i, hashlib.sha256(p.image.tobytes() + b"".join(q.joints_m.tobytes() for q in p.people)).hexdigest())
"""


@pytest.fixture(scope="module")
def people() -> Iterator[RenderedPeople]:
    if not MOTIONS.is_file():
        pytest.skip("the motion pack is not beside this checkout")
    if not any(get_anny_cache_path().glob("*")):
        pytest.skip("the body model is not built yet: .ci/run and the first `rtpose data render` build it")
    try:
        with Renderer((32, 32)):
            pass
    except ConfigError as error:
        pytest.skip(str(error))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anny's dependencies
        made = RenderedPeople(MOTIONS, SETTINGS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def pictures(people: RenderedPeople) -> list[RenderedPicture]:
    return [people[i] for i in range(24)]


@pytest.mark.slow
def test_labels_project_onto_the_picture(pictures: list[RenderedPicture]) -> None:
    for picture in pictures:
        assert picture.image.shape == (96, 96, 3)
        assert picture.image.dtype == np.uint8
        for person in picture.people:
            assert np.allclose(pixels_from_camera(person.joints_m, picture.camera), person.joints_px, atol=0.05)
            x0, y0, x1, y1 = person.box_px
            x, y = person.joints_px.T
            assert (x >= x0).all()
            assert (x <= x1).all()
            assert (y >= y0).all()
            assert (y <= y1).all()
            seen = person.joints_px[person.visible]
            assert ((seen >= 0) & (seen < 96)).all()
        assert picture.people[0].visible.sum() >= 5


def test_people_have_the_size_and_sides_of_people(pictures: list[RenderedPicture]) -> None:
    at = H36M17.index_of
    for picture in pictures:
        for person in picture.people:
            m = person.joints_m
            shin = np.linalg.norm(m[at["left_knee"]] - m[at["left_foot"]])
            assert 0.15 < shin < 0.6
            assert np.allclose(m[at["root"]], (m[at["left_hip"]] + m[at["right_hip"]]) / 2, atol=1e-4)
            assert np.allclose(m[at["thorax"]], (m[at["left_shoulder"]] + m[at["right_shoulder"]]) / 2, atol=1e-4)
    counts = [len(p.people) for p in pictures]
    assert min(counts) == 1
    assert max(counts) > 1
    assert np.mean([p.people[0].visible.mean() for p in pictures]) > 0.5


@pytest.mark.slow
def test_the_same_index_is_the_same_picture_in_any_process_and_order(people: RenderedPeople) -> None:
    def digest(picture: RenderedPicture) -> str:
        joints = b"".join(q.joints_m.tobytes() for q in picture.people)
        return hashlib.sha256(picture.image.tobytes() + joints).hexdigest()

    command = [sys.executable, "-c", SCRIPT, str(MOTIONS), *map(str, ORDER)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200).stdout
    elsewhere = dict(line.split() for line in out.splitlines())
    assert elsewhere == {str(i): digest(people[i]) for i in ORDER}
    assert len(set(elsewhere.values())) == len(ORDER)


def test_a_hidden_joint_is_not_visible(people: RenderedPeople) -> None:
    rng = np.random.default_rng(4)
    body = people._body(0, 0)
    placed = people._pose(body, np.zeros(3), rng)
    view = _person_view([placed], SIZE, np.random.default_rng(1))
    free = _label(placed, view, np.full((96, 96), FAR_M, np.float32))
    assert free.visible.sum() >= 15
    hidden = _label(placed, view, np.full((96, 96), 0.3, np.float32))
    assert not hidden.visible.any()
    # A wall in front of the upper half of the picture, really drawn.
    head, foot = (placed.joints[H36M17.index_of[j]] for j in ("head", "left_foot"))
    between = view.eye + 0.6 * (head - view.eye)
    wall = solid(CUBE, between, (0.25, 0.25, 0.02), Material((0.5, 0.5, 0.5)))
    with Renderer(SIZE) as renderer:
        things = [wall, *placed.dressed.things(placed.pose)]
        from rtpose.train.synth.view import Light

        depth = renderer.render(things, view, Light((0, 1, 0.2)), np.zeros((0, 4), np.float32), head).depth_m
    labelled = _label(placed, view, depth)
    assert np.linalg.norm(head - foot) > 0.8
    assert not labelled.visible[H36M17.index_of["head"]]
    assert labelled.visible[H36M17.indices("left_foot", "right_foot")].any()


def test_held_out_subjects_are_never_in_train(people: RenderedPeople) -> None:
    clips = people._pack.clips
    assert not {clips[i]["subject"] for i in people.clips} & set(HELD_OUT_SUBJECTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = RenderedPeople(MOTIONS, PeopleSettings(size=SIZE, split=Split.TEST, group=True, most_people=4))
    assert {clips[i]["subject"] for i in test.clips} == set(HELD_OUT_SUBJECTS)
    assert len(test.clips) + len(people.clips) == len(clips)
    for i in range(6):  # groups: two to four people, all of them in the picture, at different depths
        picture = test[i]
        assert 2 <= len(picture.people) <= 4
        boxes = np.stack([p.box_px for p in picture.people])
        assert ((boxes > -8) & (boxes < 104)).all()
        roots = np.stack([p.joints_m[0] for p in picture.people])
        apart = np.linalg.norm(roots[:, None] - roots[None], axis=-1)[~np.eye(len(roots), dtype=bool)]
        assert apart.min() > 0.4
    assert not np.array_equal(test._body(0, 0).shape.vertices, people._body(0, 0).shape.vertices)
    test.close()


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(people: RenderedPeople, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom rtpose.train.synth.people import PeopleSettings\n"
        "from rtpose.train.synth.shards import render_folder\n"
        "if __name__ == '__main__':\n"
        "    render_folder(Path(sys.argv[1]), Path(sys.argv[2]), PeopleSettings(size=(96, 96), most_people=3), 4000,"
        " workers=1, per_shard=4)\n"
    )
    (tmp_path / "run.py").write_text(script, encoding="utf-8")
    folder = tmp_path / "pictures"
    run = subprocess.Popen([sys.executable, str(tmp_path / "run.py"), str(folder), str(MOTIONS)])
    try:
        until = time.monotonic() + 120
        while not list(folder.glob("*.npz")) and time.monotonic() < until and run.poll() is None:
            time.sleep(0.05)
    finally:
        run.kill()
        run.wait()
    finished = len(list(folder.glob("*.npz")))
    assert finished >= 1
    (folder / f"shard-{finished + 3:05d}.jpegs").write_bytes(b"torn")
    count = 4 * (finished + 4)
    end = render_folder(folder, MOTIONS, SETTINGS, count, workers=1, per_shard=4)
    assert end.done == count
    assert end.made <= 4 * 4  # the worker may have finished one more
    read = RenderedFolder(folder)
    assert len(read) >= count
    for i in (0, count - 1):
        picture, expected = read[i], people[i]
        assert picture.camera == expected.camera
        assert np.array_equal(picture.people[0].joints_m, expected.people[0].joints_m)
        assert np.abs(picture.image.astype(int) - expected.image).mean() < 12
    with pytest.raises(OutputError, match="other settings"):
        render_folder(folder, MOTIONS, PeopleSettings(size=SIZE, seed=1), count, workers=1, per_shard=4)


def test_the_first_use_tells_of_its_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is built here: the body model is asked for after the line, and stops it."""
    told: list[str] = []
    (tmp_path / "cmu").mkdir()
    (tmp_path / "cmu" / "01.asf").write_text(asf_text())
    (tmp_path / "cmu" / "01_01.amc").write_text(amc_text([{"root": "0 17 0 0 0 0"}] * 40))
    prepare_cmu_angles(tmp_path / "cmu", tmp_path / "angles.npz")

    def build(**options: bool) -> None:
        raise RuntimeError("built")

    monkeypatch.setattr("rtpose.train.synth.shards.BodyModel", build)
    monkeypatch.setattr("anny.paths.get_anny_cache_path", lambda: tmp_path / "rig")
    with pytest.raises(RuntimeError, match="built"):
        render_folder(tmp_path / "out", tmp_path / "angles.npz", SETTINGS, 4, notify=told.append)
    assert len(told) == 1
    assert str(tmp_path / "rig") in told[0]
    assert "ANNY_CACHE_DIR" in told[0]
    assert not (tmp_path / "out").exists()


def test_settings_out_of_range() -> None:
    for wrong in ({"most_people": 0}, {"most_people": 5}, {"most_people": 1, "group": True}, {"size": (8, 8)}):
        with pytest.raises(ConfigError):
            PeopleSettings(**wrong)  # type: ignore[arg-type]


def test_own_backgrounds_are_split_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures"):
        find_pictures(tmp_path, Split.TRAIN)
    for k in range(60):
        (tmp_path / f"{k}.jpg").touch()
    train, test = (set(find_pictures(tmp_path, split)) for split in (Split.TRAIN, Split.TEST))
    assert not train & test
    assert len(train | test) == 60
    assert 1 <= len(test) <= 15


@pytest.mark.parametrize("seed", range(6))
def test_backdrops_and_photographs_repeat(seed: int) -> None:
    for split in Split:
        first, again = (procedural_backdrop((64, 48), np.random.default_rng(seed), split) for _ in range(2))
        assert first.shape == (48, 64, 3)
        assert np.array_equal(first, again)
        taken = photographed(first, np.random.default_rng(seed))
        assert taken.shape == first.shape
        assert np.array_equal(taken, photographed(first, np.random.default_rng(seed)))
