"""The motion that the page saves is what `rtpose convert` writes: the same bones, at the same places."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from dance_recording import IDS, dance
from glb_reader import Glb
from pages import OpenPage, wait_for, wait_for_people
from playwright.sync_api import Page
from standing_body import SIZE, standing_person, standing_result, world_from_camera

from rtpose import __version__
from rtpose.bones import BONE_INDEX, BONE_NAMES, JOINT_BONES, JOINT_PLACES
from rtpose.recordings.export import export_recording
from rtpose.recordings.npz import write_npz
from rtpose.recordings.rtpose_file import write_rtpose
from rtpose.server import protocol
from rtpose.server.server import PoseServer
from rtpose.skeleton import RTPOSE28

pytestmark = pytest.mark.browser

VALIDATE = """
async text => {
  const file = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const { issues } = await exports.validateBytes(file, { ignoredIssues: ["UNSUPPORTED_EXTENSION"] });
  return JSON.stringify(issues.messages);
}
"""
"""Khronos's validator, which does not know VRM's extension."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A live page of somebody with a body who stands there."""
    hello = protocol.hello(
        server_version=__version__, skeleton=RTPOSE28, sources=[("yard.mp4", SIZE)], live=True,
        estimator="synthetic", assumptions=[], server_ns=0, height_m=1.83, height_from="as given",
    )  # fmt: skip
    server, ending = PoseServer(hello=hello, port=0), threading.Event()

    def run() -> None:
        number = 0
        while not ending.wait(0.1):
            number += 1
            server.publish(standing_result(number))

    server.start()
    thread = threading.Thread(target=run)
    thread.start()
    yield server.url
    ending.set()
    thread.join()
    server.close()


def saved_motion(page: Page, path: Path) -> Glb:
    with page.expect_download() as download:
        page.keyboard.press("g")
    download.value.save_as(path)
    return Glb(path)


def bones_of(glb: Glb, person: str) -> list[int]:
    """The nodes of a person's bones, in the order of the file."""

    def below(node: int) -> list[int]:
        return [n for child in glb.gltf.nodes[node].children or [] for n in (child, *below(child))]

    return below(glb.names.index(person))


@pytest.mark.parametrize(("name", "write"), [("dance.npz", write_npz), ("dance.rtpose", write_rtpose)])
def test_a_recording_is_saved_as_convert_writes_it(
    name: str, write: Callable[..., None], open_page: OpenPage, url: str, tmp_path: Path
) -> None:
    """One of the two is away for a while, and a wrist of the other is hidden."""
    with (tmp_path / name).open("wb") as file:
        write(file, dance())
    export_recording(dance(), tmp_path / "converted.glb")
    expected = Glb(tmp_path / "converted.glb")
    page = open_page(url)
    wait_for_people(page)
    page.set_input_files("#file", tmp_path / name)
    wait_for(page, "body.state === 'recording'")
    got = saved_motion(page, tmp_path / "saved.glb")
    np.testing.assert_allclose(got.times, expected.times, atol=1e-5)
    assert got.gltf.animations[0].name == expected.gltf.animations[0].name
    assert got.gltf.extensionsUsed == []
    for track_id in IDS:
        person = f"person {track_id}"
        ours, theirs = ({glb.names[n]: n for n in bones_of(glb, person)} for glb in (got, expected))
        assert ours.keys() == theirs.keys() == set(BONE_NAMES)
        for bone in BONE_NAMES:
            assert got.names[got.parents[ours[bone]]] == expected.names[expected.parents[theirs[bone]]]
            rest, known_rest = (
                glb.gltf.nodes[n].translation or [0, 0, 0] for glb, n in ((got, ours[bone]), (expected, theirs[bone]))
            )
            np.testing.assert_allclose(rest, known_rest, atol=1e-3)
            moved, known = got.matrices(ours[bone]), expected.matrices(theirs[bone])
            np.testing.assert_allclose(moved[:, :3, 3], known[:, :3, 3], atol=1e-3, err_msg=bone)
            np.testing.assert_allclose(moved[:, :3, :3], known[:, :3, :3], atol=1e-3, err_msg=bone)
        sizes, known_sizes = (
            glb.values.get((glb.names.index(person), "scale"), np.ones((len(glb.times), 3))) for glb in (got, expected)
        )
        np.testing.assert_array_equal(sizes, known_sizes)
    # The figures are skinned to the bones, and bind where these stand at rest.
    for ours, theirs in zip(got.gltf.skins, expected.gltf.skins, strict=True):
        binds = []
        for glb, skin in ((got, ours), (expected, theirs)):
            matrices = glb.array(skin.inverseBindMatrices).reshape(-1, 4, 4)
            binds.append({glb.names[n]: matrix for n, matrix in zip(skin.joints, matrices, strict=True)})
        for bone in BONE_NAMES:
            np.testing.assert_allclose(binds[0][bone], binds[1][bone], atol=1e-3)


def test_the_live_motion_of_one_person_names_the_humanoid(open_page: OpenPage, url: str, tmp_path: Path) -> None:
    page = open_page(url)
    wait_for_people(page)
    page.wait_for_timeout(1500)
    glb = saved_motion(page, tmp_path / "live.glb")
    assert glb.times[0] == 0
    assert glb.times[-1] > 0.5
    bones = glb.gltf.extensions["VRMC_vrm_animation"]["humanoid"]["humanBones"]
    assert {bone: glb.names[at["node"]] for bone, at in bones.items()} == {name: name for name in BONE_NAMES}
    person, world = standing_person(), world_from_camera()
    assert person.body is not None
    still = np.flatnonzero(np.not_equal(JOINT_BONES, BONE_INDEX["head"]))  # the head turns
    places = JOINT_PLACES * person.body.bone_lengths[JOINT_BONES, None]
    moved = np.stack([glb.matrices(bones[BONE_NAMES[b]]["node"])[-1] for b in JOINT_BONES])
    joints = np.einsum("jab,jb->ja", moved[:, :3, :3], places) + moved[:, :3, 3]
    expected = (person.pose_3d + person.root_3d) @ world[:3, :3].T + world[:3, 3]
    np.testing.assert_allclose(joints[still], expected[still], atol=1e-3)


def test_the_gltf_validator_accepts_what_the_page_and_convert_write(
    open_page: OpenPage, url: str, web_packages: Path, tmp_path: Path
) -> None:
    export_recording(dance(), tmp_path / "two.glb")
    export_recording(dance(), tmp_path / "one.glb", person=IDS[0])
    with (tmp_path / "dance.npz").open("wb") as file:
        write_npz(file, dance())
    page = open_page(url)
    wait_for_people(page)
    page.wait_for_timeout(500)
    saved_motion(page, tmp_path / "live.glb")
    page.set_input_files("#file", tmp_path / "dance.npz")
    wait_for(page, "body.state === 'recording'")
    saved_motion(page, tmp_path / "page.glb")
    validator = open_page("about:blank")
    validator.evaluate("window.exports = {}")
    validator.add_script_tag(path=web_packages / "gltf-validator" / "gltf_validator.dart.js")
    for name in ("two", "one", "live", "page"):
        found = validator.evaluate(VALIDATE, base64.b64encode((tmp_path / f"{name}.glb").read_bytes()).decode())
        assert json.loads(found) == [], name
