"""Make the embedded sample clip and its exact ground truth. Needs the extra `synth`.

    python scripts/make_sample.py --data ../shared/data

A clothed person dances in a lit room. The body is `anny` (code Apache-2.0, data CC0), the motion is clip
05_02 of the CMU Graphics Lab Motion Capture Database, everything else is computed here. The first run builds
the body's rig: some minutes, and over 1 GB in the folder ANNY_CACHE_DIR (default ~/.cache/anny).
"""

from __future__ import annotations

import argparse
import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from rtpose.geometry import DEFAULT_FOV_DEG, camera_from_fov
from rtpose.skeleton import H36M17
from rtpose.train.synth.body import BODY, BodyModel, Pose
from rtpose.train.synth.clothing import SOLE_M, DressedPerson, Outfit
from rtpose.train.synth.motion import PACK_FPS, JointAnglePack
from rtpose.train.synth.renderer import Renderer
from rtpose.train.synth.scene import room
from rtpose.train.synth.surfaces import PlacedSurface
from rtpose.train.synth.view import Light, PlacedCamera
from rtpose.types import Image

ASSETS = Path(__file__).resolve().parents[1] / "rtpose" / "assets"
CLIP, FRAMES = "05_02", (90, 270)  # "dance - expressive arms, pirouette"
PHENOTYPE = {"gender": 0.1, "age": 0.67, "height": 0.38, "muscle": 0.55, "weight": 0.45}
SIZE = (640, 480)
EYE_M = np.array([0.12, 1.2, 3.5])  # a laptop on a table
TARGET_M = np.array([0.0, 1.05, 0.0])
LIGHT = Light((0.55, 0.9, 0.75))
SEED = 3
NOISE = 1.2  # standard deviation of the sensor's noise, grey levels
README = (
    "Exact ground truth of sample.mp4, a rendered clip. joints_3d: metres in camera space (x right, y down, "
    "z away); joints_2d: pixels, origin at the top-left corner; h36m17 as rtpose derives it from a detector: "
    "limb joints are the body model's joint centres, head is the middle of the ears, root and thorax are the "
    "middles of hips and shoulders, spine and neck_base lie half-way. camera: fx fy cx cy, 60 degrees across "
    "the longer side. height_m: standing height without shoes and hair. Body: anny 0.6.2 (code Apache-2.0, "
    "body data CC0). Motion: clip 05_02. The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cmu_amc30_train.npz")
    parser.add_argument("--out", type=Path, default=ASSETS, help="folder to write to")
    parser.add_argument("--crf", type=int, default=21, help="H.264 quality, smaller is better and larger")
    args = parser.parse_args()

    pack = JointAnglePack(args.data / "cmu_amc30_train.npz")
    motion = pack.motion(pack.find(CLIP)).part(*FRAMES)
    motion = motion.turned(-float(motion.heading_deg()[0]))  # starts facing the camera
    model = BodyModel()
    shape = model.shape(PHENOTYPE)
    person = DressedPerson(model, shape, Outfit())
    poses = model.poses(shape, motion, SOLE_M)
    roots = np.stack([model.joints(shape, pose)[0] for pose in poses])
    centre = (roots.min(0) + roots.max(0)) / 2 * np.array([1.0, 0.0, 1.0])
    poses = [Pose(pose.rotations, pose.shifts - centre) for pose in poses]

    view = PlacedCamera.looking(camera_from_fov(SIZE), SIZE, EYE_M, TARGET_M)
    joints_3d = view.to_camera(np.stack([model.joints(shape, pose) for pose in poses]))
    for pose in poses:
        _check_whole_person_is_seen(model.skin(pose, shape.vertices[BODY], model.weights[BODY]), view)
    rng = np.random.default_rng(SEED)
    furniture = [PlacedSurface(mesh) for mesh in room(rng)]
    pictures: list[Image] = []
    with Renderer(SIZE) as renderer:
        for k, pose in enumerate(poses):
            things = person.things(pose) + furniture
            picture = renderer.render(things, view, LIGHT, person.occluders(pose), np.array([0.0, 1.0, 0.0])).image
            noisy = picture + rng.normal(0.0, NOISE, picture.shape)
            pictures.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
            print(f"\rframe {k + 1} of {len(poses)}", end="", flush=True)
    print()

    args.out.mkdir(parents=True, exist_ok=True)
    _write_video(args.out / "sample.mp4", pictures, args.crf)
    camera = view.camera
    pixels = joints_3d[..., :2] / joints_3d[..., 2:] * [camera.fx, camera.fy] + [camera.cx, camera.cy]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        joints_3d=joints_3d.astype(np.float32),
        joints_2d=pixels.astype(np.float32),
        camera=camera.as_array(),
        fov_deg=np.float64(DEFAULT_FOV_DEG),
        image_size=np.array(SIZE, np.int32),
        timestamps_s=np.arange(len(poses)) / PACK_FPS,
        height_m=np.float64(shape.height_m),
        joint_names=np.array(H36M17.joints),
        readme=np.array(README),
    )
    (args.out / "sample_truth.npz").write_bytes(buffer.getvalue())
    size = (args.out / "sample.mp4").stat().st_size
    print(f"{len(poses)} frames, {size / 1e6:.2f} MB, the person is {shape.height_m:.3f} m tall")


def _check_whole_person_is_seen(points: NDArray[np.float32], view: PlacedCamera) -> None:
    seen = view.to_camera(points.astype(np.float64))
    camera = view.camera
    pixels = seen[:, :2] / seen[:, 2:] * [camera.fx, camera.fy] + [camera.cx, camera.cy]
    if (pixels < 4).any() or (pixels > np.array(view.size) - 4).any():
        raise SystemExit(f"the person leaves the picture: {pixels.min(0).round()} to {pixels.max(0).round()}")


def _write_video(path: Path, pictures: list[Image], crf: int) -> None:
    """H.264, 4:2:0, playable everywhere."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(int(PACK_FPS)))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryslow", "tune": "film"}
        stream.thread_count = 1  # the same bytes every time
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
