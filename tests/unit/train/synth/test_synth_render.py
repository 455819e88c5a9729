"""What is drawn lies where the camera says, and light behaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from rtpose.errors import ConfigError
from rtpose.geometry import camera_from_fov
from rtpose.train.synth.motion import rotation_xyz
from rtpose.train.synth.renderer import Quality, Renderer
from rtpose.train.synth.scene import CUBE, box, lathe, leaf, room, solid
from rtpose.train.synth.surfaces import Material, PlacedSurface, Surface, vertex_normals
from rtpose.train.synth.view import FAR_M, Light, PlacedCamera
from rtpose.types import Image

pytest.importorskip("moderngl", reason="the extra synth is not installed")

SIZE = (96, 64)
NOBODY = np.zeros((0, 4), np.float32)
ORIGIN = np.zeros(3)
PLAIN = Light((0.3, 1.0, 0.4), ambient=0.6)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    try:
        drawn = Renderer(SIZE)
    except ConfigError as error:
        pytest.skip(str(error))
    with drawn:
        yield drawn


def _view(eye: tuple[float, float, float] = (0.0, 0.0, 4.0), roll_deg: float = 0.0) -> PlacedCamera:
    return PlacedCamera.looking(camera_from_fov(SIZE), SIZE, np.array(eye), ORIGIN, roll_deg)


def _draw(renderer: Renderer, meshes: list[Surface], view: PlacedCamera, light: Light = PLAIN) -> Image:
    return renderer.render([PlacedSurface(mesh) for mesh in meshes], view, light, NOBODY, ORIGIN).image


def test_view_axes() -> None:
    view = _view()
    assert np.allclose(view.eye, [0, 0, 4])
    assert np.allclose(
        view.to_camera(np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])), [[1, 0, 4], [0, -1, 4], [0, 0, 3]]
    )
    assert np.linalg.det(view.camera_from_world) == pytest.approx(1.0)


@pytest.mark.parametrize("eye", [(0.0, 0.0, 4.0), (3.0, 1.5, 2.0), (-2.0, 0.3, -3.0)])
@pytest.mark.parametrize("roll_deg", [0.0, 25.0])
def test_a_box_is_drawn_where_it_is_projected(
    renderer: Renderer, eye: tuple[float, float, float], roll_deg: float
) -> None:
    view = _view(eye, roll_deg)
    at = (0.4, 0.3, -0.2)
    red = box(at, (0.12, 0.12, 0.12), Material((1.0, 0.0, 0.0), grain=0.0, gloss=0.0))
    picture = _draw(renderer, [red], view).astype(int)
    ys, xs = np.nonzero(picture[..., 0] - picture[..., 2] > 60)
    seen = view.to_camera(np.array(at))
    cam = view.camera
    expected = seen[:2] / seen[2] * [cam.fx, cam.fy] + [cam.cx, cam.cy]
    assert np.allclose([xs.mean() + 0.5, ys.mean() + 0.5], expected, atol=0.7)


def test_nearer_things_hide_farther_ones(renderer: Renderer) -> None:
    red = box((0, 0, 1), (1, 1, 0.1), Material((1.0, 0.0, 0.0)))
    blue = box((0, 0, 0), (1, 1, 0.1), Material((0.0, 0.0, 1.0)))
    for meshes in ([red, blue], [blue, red]):
        r, _, b = _draw(renderer, meshes, _view())[32, 48].astype(int)
        assert r > b + 60


def test_depth_is_metres_along_the_camera(renderer: Renderer) -> None:
    red = box((0, 0, 0.45), (1, 1, 0.1), Material((1.0, 0.0, 0.0)))
    depth = renderer.render([PlacedSurface(red)], _view(), PLAIN, NOBODY, ORIGIN).depth_m
    assert depth.shape == (64, 96)
    assert depth[32, 48] == pytest.approx(3.5, abs=0.01)
    assert depth[2, 2] == pytest.approx(FAR_M, rel=0.01)


def test_bones_and_solids_move_what_is_drawn(renderer: Renderer) -> None:
    """A unit cube that a matrix scales, turns and moves is drawn as the same box made in place."""
    material = Material((1.0, 0.0, 0.0), grain=0.0, gloss=0.0)
    turned = solid(CUBE, np.array([0.5, 0.2, 0.0]), (0.2, 0.6, 0.4), material, rotation_xyz(np.array([0.0, 90.0, 0.0])))
    in_place = PlacedSurface(box((0.5, 0.2, 0.0), (0.4, 0.6, 0.2), material))
    first, second = (renderer.render([t], _view(), PLAIN, NOBODY, ORIGIN).image.astype(int) for t in (turned, in_place))
    assert first[..., 0].max() - first[..., 2].min() > 60
    assert np.abs(first - second).max() <= 2


def test_meshes_of_one_picture_stay_loaded_however_many(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """More meshes than are kept, seen in an order in which the oldest are needed again."""
    monkeypatch.setattr("rtpose.train.synth.renderer.MAX_LOADED", 3)
    boxes = [box((x, 0, 0), (0.1, 0.1, 0.1), Material((1.0, 0.0, 0.0))) for x in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    alone = [_draw(renderer, [one], _view()).astype(int) for one in boxes]
    together = _draw(renderer, [*boxes[2:], boxes[0], boxes[1]], _view()).astype(int)
    for one in alone:  # each box is in the picture of all, but for shading between neighbours
        red = one[..., 0] - one[..., 2] > 60
        assert red.any()
        assert (together[..., 0] - together[..., 2])[red].min() > 30


def test_a_backdrop_lies_behind_everything() -> None:
    red = PlacedSurface(box((0, 0, 0), (1, 1, 0.1), Material((1.0, 0.0, 0.0))))
    halves = np.zeros((64, 96, 3), np.uint8)
    halves[:32] = (0, 255, 0)  # the upper half is green
    with Renderer(SIZE, Quality.quick()) as quick:
        picture = quick.render([red], _view(), PLAIN, NOBODY, ORIGIN, backdrop=halves).image.astype(int)
    assert tuple(picture[4, 4]) == (0, 255, 0)
    assert tuple(picture[60, 4]) == (0, 0, 0)
    assert picture[32, 48, 0] > picture[32, 48, 1] + 60


def test_shadow_falls_away_from_the_light(renderer: Renderer) -> None:
    floor = box((0, -1.05, 0), (8, 0.1, 8), Material((0.7, 0.7, 0.7), grain=0.0), casts=False)
    block = box((0, -0.6, 0), (0.4, 0.8, 0.4), Material((0.7, 0.7, 0.7), grain=0.0))
    view = _view((0.0, 3.0, 4.0))
    light = Light((1.0, 1.0, 0.0))
    lit = _draw(renderer, [floor], view, light).astype(int).sum(-1)
    both = _draw(renderer, [floor, block], view, light).astype(int).sum(-1)
    cam = view.camera
    for x, darker in ((-0.6, True), (0.6, False)):
        p = view.to_camera(np.array([x, -1.0, 0.0]))
        u, v = (p[:2] / p[2] * [cam.fx, cam.fy] + [cam.cx, cam.cy]).astype(int)
        assert (both[v, u] < lit[v, u] - 60) == darker


def test_outside_of_a_hem_nothing_is_drawn(renderer: Renderer) -> None:
    whole = box((0, 0, 0), (1, 1, 0.1), Material((1.0, 0.0, 0.0)))
    upper = replace(whole, inside=whole.positions[:, 1].copy())
    picture = _draw(renderer, [upper], _view()).astype(int)
    assert picture[26, 48, 0] - picture[26, 48, 2] > 60
    assert abs(picture[38, 48, 0] - picture[38, 48, 2]) < 60


def test_the_same_scene_gives_the_same_picture(renderer: Renderer) -> None:
    view = _view((1.0, 1.2, 3.5))
    first = _draw(renderer, room(np.random.default_rng(5)), view)
    again = _draw(renderer, room(np.random.default_rng(5)), view)
    other = _draw(renderer, room(np.random.default_rng(6)), view)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.std() > 20


@pytest.mark.parametrize(
    "mesh",
    [
        box((1, 2, 3), (0.5, 1, 2), Material((1, 1, 1))),
        lathe([(0.2, 0.0), (0.1, 1.0)], (0, 0, 0), Material((1, 1, 1))),
        leaf((0, 0, 0), (0.3, 0.8, 0.1), 0.05, Material((1, 1, 1))),
    ],
)
def test_fronts_of_triangles_are_where_normals_point(mesh: Surface) -> None:
    corners = mesh.positions[mesh.faces]
    wound = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((wound * mesh.normals[mesh.faces[:, 0]]).sum(1) > -1e-9).all()
    assert np.allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-5)


def test_vertex_normals_of_a_pyramid() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2]], np.int32)
    assert np.allclose(vertex_normals(points, faces)[0], -np.ones(3) / np.sqrt(3), atol=1e-6)
