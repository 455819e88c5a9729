"""Human3.6M in the form of VideoPose3D: `data_3d_h36m.npz` and `data_2d_h36m_*.npz`.

Where from: http://vision.imar.ro/human3.6m gives the recordings; VideoPose3D's DATASETS.md
(https://github.com/facebookresearch/VideoPose3D) makes these files from them and links the 2D detections.
Terms: free for academic use by people whom the authors have given an account; no redistribution, no commercial use.
Files, all in one folder: `data_3d_h36m.npz`; `data_2d_h36m_gt.npz` (projected ground truth),
`data_2d_h36m_sh_ft_h36m.npz` (stacked hourglass), `data_2d_h36m_cpn_ft_h36m_dbb.npz` (cascaded pyramid network).
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.train.data.readers.data_set_info import DataSetInfo, expected_file
from rtpose.train.data.readers.poses import Poses3D, h36m17_by_name
from rtpose.types import Camera, Float32

INFO = DataSetInfo(
    name="Human3.6M",
    source="http://vision.imar.ro/human3.6m, then VideoPose3D's DATASETS.md",
    terms="Free for academic use with an account from the authors; no redistribution, no commercial use.",
    files=(
        "data_3d_h36m.npz", "data_2d_h36m_gt.npz", "data_2d_h36m_sh_ft_h36m.npz", "data_2d_h36m_cpn_ft_h36m_dbb.npz",
    ),
)  # fmt: skip

TRAIN_SUBJECTS = ("S1", "S5", "S6", "S7", "S8")
TEST_SUBJECTS = ("S9", "S11")
ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting",
    "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether",
)  # fmt: skip
"""The fifteen columns of the papers' tables, in order."""
FPS = 50.0
_DAMAGED = {("S11", "Directions")}
"""Its video is damaged: VideoPose3D's files and all figures leave it out."""

_ALL_JOINTS = (
    "Hips",
    "RightUpLeg", "RightLeg", "RightFoot", "RightToeBase", "RightToeEnd",
    "LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase", "LeftToeEnd",
    "Spine", "Spine1", "Neck", "Head", "HeadEnd",
    "LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand", "LeftThumb", "LeftThumbEnd", "LeftWristEnd", "LeftHandEnd",
    "RightShoulder", "RightArm", "RightForeArm", "RightHand", "RightThumb", "RightThumbEnd", "RightWristEnd",
    "RightHandEnd",
)  # fmt: skip
"""The 32 joints of `data_3d_h36m.npz`, in order, under the names of the recordings' skeleton."""
_NAME_OF = {
    "root": "Hips", "right_hip": "RightUpLeg", "right_knee": "RightLeg", "right_foot": "RightFoot",
    "left_hip": "LeftUpLeg", "left_knee": "LeftLeg", "left_foot": "LeftFoot",
    "spine": "Spine1", "thorax": "Neck", "neck_base": "Head", "head": "HeadEnd",
    "left_shoulder": "LeftArm", "left_elbow": "LeftForeArm", "left_wrist": "LeftHand",
    "right_shoulder": "RightArm", "right_elbow": "RightForeArm", "right_wrist": "RightHand",
}  # fmt: skip
_JOINTS_17 = tuple(_NAME_OF.values())
"""The 17 of the ground truth in 2D and of CPN: the same joints, in the order of h36m17."""
# The hourglass's 16, in its own order; it was tuned to Human3.6M's joints and has none between neck and head's top.
_JOINTS_SH = (
    "RightFoot", "RightLeg", "RightUpLeg", "LeftUpLeg", "LeftLeg", "LeftFoot",
    "Hips", "Spine1", "Neck", "HeadEnd",
    "RightHand", "RightForeArm", "RightArm", "LeftArm", "LeftForeArm", "LeftHand",
)  # fmt: skip


@dataclass(frozen=True)
class _Source2D:
    file: str
    joints: tuple[str, ...]


SOURCES_2D = {
    "gt": _Source2D("data_2d_h36m_gt.npz", _JOINTS_17),
    "sh": _Source2D("data_2d_h36m_sh_ft_h36m.npz", _JOINTS_SH),
    "cpn": _Source2D("data_2d_h36m_cpn_ft_h36m_dbb.npz", _JOINTS_17),
}
"""Name -> file of the 2D joints: ground truth, stacked hourglass, cascaded pyramid network."""


@dataclass(frozen=True)
class Lens:
    """The parameters that each of the four cameras keeps in all recordings."""

    name: str
    camera: Camera
    image_size: tuple[int, int]


# Facts of the recordings' own calibration, the figures in common use: released with Human3.6M (metadata.xml) and
# spread with the baseline of Martinez et al. (2017) and VideoPose3D, whose camera order is used here.
LENSES = (
    Lens("54138969", Camera(1145.04944, 1143.78113, 512.541504, 515.451477), (1000, 1002)),
    Lens("55011271", Camera(1149.67566, 1147.59167, 508.848633, 508.064911), (1000, 1000)),
    Lens("58860488", Camera(1149.14075, 1148.79895, 519.815857, 501.402649), (1000, 1000)),
    Lens("60457274", Camera(1145.51135, 1144.77393, 514.968201, 501.882019), (1000, 1002)),
)
# Subject -> for each camera its orientation (quaternion w, x, y, z of world_from_camera) and world position (mm).
PLACES: dict[str, tuple[tuple[tuple[float, float, float, float], tuple[float, float, float]], ...]] = {
    "S1": (
        ((0.140705645, -0.150070176, -0.755240798, 0.622328043), (1841.10706, 4955.28467, 1563.44543)),
        ((0.615718782, -0.764836311, -0.148338258, 0.117947407), (1761.27856, -5078.00684, 1606.26501)),
        ((0.146514729, -0.146478519, 0.765302360, -0.609417558), (-1846.77771, 5215.04639, 1491.97241)),
        ((0.583400846, -0.785316229, 0.145488232, -0.147495940), (-1794.78967, -3722.69897, 1574.89270)),
    ),
    "S5": (
        ((0.146737725, -0.162370965, -0.755189300, 0.617893875), (2097.39160, 4880.94482, 1605.73242)),
        ((0.615975857, -0.762679219, -0.157281920, 0.118981503), (2031.70081, -5167.93311, 1612.92310)),
        ((0.142913714, -0.129078418, 0.767838478, -0.611014307), (-1620.59485, 5171.65869, 1496.43701)),
        ((0.592047989, -0.781421781, 0.127474859, -0.150364175), (-1637.17371, -3867.31738, 1547.03320)),
    ),
    "S6": (
        ((0.133789778, -0.156923965, -0.757109046, 0.619887948), (1935.45178, 4950.24561, 1618.08386)),
        ((0.614719748, -0.762881279, -0.161747679, 0.118192449), (1969.80396, -5128.73877, 1632.77881)),
        ((0.152994812, -0.135291308, 0.764609635, -0.611278117), (-1769.59644, 5185.36133, 1476.99341)),
        ((0.591610134, -0.780477405, 0.128322706, -0.156159386), (-1721.66870, -3884.13135, 1540.48792)),
    ),
    "S7": (
        ((0.143524185, -0.163133681, -0.754832864, 0.618882477), (1974.51294, 4926.35449, 1597.83264)),
        ((0.614167273, -0.763826251, -0.159664556, 0.117792994), (1937.05847, -5119.79004, 1631.56653)),
        ((0.145500600, -0.128748164, 0.766051650, -0.612713933), (-1741.81116, 5208.24951, 1464.82458)),
        ((0.591284811, -0.782176435, 0.124454737, -0.151964873), (-1734.71057, -3832.42139, 1548.58301)),
    ),
    "S8": (
        ((0.141105875, -0.155898675, -0.756191730, 0.619644046), (2150.65186, 4896.16113, 1611.90466)),
        ((0.616960168, -0.764766812, -0.148463503, 0.111581579), (2219.96558, -5148.45312, 1613.04407)),
        ((0.147144407, -0.133771196, 0.767012835, -0.610036969), (-1571.22156, 5137.01855, 1498.17615)),
        ((0.592782438, -0.782587051, 0.121478163, -0.146319956), (-1476.91333, -3896.74121, 1547.97217)),
    ),
    "S9": (
        ((0.155405879, -0.155482158, -0.753209531, 0.619959474), (2044.45850, 4935.11719, 1481.22754)),
        ((0.618784487, -0.763473511, -0.141322389, 0.119339682), (1990.95972, -5123.81055, 1568.80481)),
        ((0.133578271, -0.136710048, 0.768945456, -0.610073864), (-1670.99219, 5211.98584, 1528.38794)),
        ((0.587939918, -0.782340705, 0.142761439, -0.147948697), (-1696.04346, -3827.09985, 1591.41272)),
    ),
    "S11": (
        ((0.152324721, -0.154423207, -0.754756331, 0.619107008), (2098.44019, 4926.55469, 1500.27856)),
        ((0.618944943, -0.760091722, -0.153006330, 0.125525832), (2083.18237, -4912.17285, 1561.07861)),
        ((0.149432287, -0.156502277, 0.768123388, -0.602630436), (-1609.81531, 5177.33594, 1537.89673)),
        ((0.589425147, -0.781887710, 0.139912114, -0.147153616), (-1590.73804, -3854.16895, 1578.01758)),
    ),
}


def load_human36m(
    folder: Path,
    *,
    subjects: Iterable[str] = TRAIN_SUBJECTS,
    input_2d: str = "gt",
    actions: Iterable[str] = ACTIONS,
    stride: int = 1,
) -> list[Poses3D]:
    """One entry for each subject, take and camera: 3D in camera space, 2D in pixels.

    input_2d: "gt", "sh" or "cpn". actions: of `ACTIONS`; the two takes of each come as two sequences. stride: every
    how many frames (50 Hz). Where a video is longer than its motion, the surplus is left out, as is common practice.
    Errors: `InputError` for a wrong folder, an unknown subject or action, or another version of the files.
    """
    subjects, actions = tuple(subjects), tuple(actions)
    if input_2d not in SOURCES_2D:
        raise InputError(f"no 2D joints '{input_2d}' of Human3.6M: choose {', '.join(SOURCES_2D)}")
    unknown = [action for action in actions if action not in ACTIONS]
    if unknown:
        raise InputError(f"Human3.6M has no action {unknown[0]}: choose of {', '.join(ACTIONS)}")
    source = SOURCES_2D[input_2d]
    path_3d, path_2d = expected_file(folder, "data_3d_h36m.npz", INFO), expected_file(folder, source.file, INFO)
    motions, points = _load_dict(path_3d, "positions_3d"), _load_dict(path_2d, "positions_2d")
    out: list[Poses3D] = []
    for subject in subjects:
        for path, data in ((path_3d, motions), (path_2d, points)):
            if subject not in data or subject not in PLACES:
                raise InputError(f"{path} has no subject {subject}: make it from all of {', '.join(PLACES)}")
        for take in motions[subject]:
            action = _action_of(str(take))
            if action not in actions or (subject, take) in _DAMAGED:
                continue
            if take not in points[subject]:
                raise InputError(f"{path_2d} lacks {subject}, {take}: make both files with the same version")
            world = _checked(motions[subject][take], 32, 3, f"{path_3d}: {subject}, {take}")
            views = points[subject][take]
            if not isinstance(views, list | tuple | np.ndarray) or len(views) != len(LENSES):
                raise InputError(f"{path_2d}: {subject}, {take} has no four views: expected VideoPose3D's file")
            for view, lens, place in zip(views, LENSES, PLACES[subject], strict=True):
                seen = _checked(view, len(source.joints), 2, f"{path_2d}: {subject}, {take}")
                rows = np.arange(0, min(len(world), len(seen)), stride)
                known = {joint: name for joint, name in _NAME_OF.items() if name in source.joints}
                out.append(
                    Poses3D(
                        poses_m=h36m17_by_name(to_camera_space(world[rows], *place), _ALL_JOINTS, _NAME_OF),
                        subject=subject, action=action, sequence=str(take), frames=rows, fps=FPS,
                        camera_name=lens.name, camera=lens.camera, image_size=lens.image_size,
                        joints_px=h36m17_by_name(seen[rows], source.joints, known),
                    )
                )  # fmt: skip
    if not out:
        raise InputError(f"{path_3d} has none of the actions {', '.join(actions)} for {', '.join(subjects)}")
    return out


def _action_of(take: str) -> str:
    """ "Walking 1" -> "Walking". The recordings' own names of two actions differ from the tables'."""
    action = take.split(" ")[0]
    return {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}.get(action, action)


def to_camera_space(points_m: Float32, orientation: Sequence[float], place_mm: Sequence[float]) -> NDArray[np.float32]:
    """(..., 3) metres in the recordings' world (z up) -> camera space."""
    w, x, y, z = np.asarray(orientation, dtype=np.float64) / np.linalg.norm(orientation)
    world_from_camera = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    moved = points_m.astype(np.float64) - np.asarray(place_mm) / 1000.0
    return np.asarray(moved @ world_from_camera, dtype=np.float32)


def _checked(array: Any, joints: int, dimensions: int, where: str) -> Float32:
    """(T, joints, dimensions) float32. Detections may carry a score as one more column, which is cut off."""
    if not isinstance(array, np.ndarray) or array.ndim != 3 or array.shape[1] != joints or array.shape[2] < dimensions:
        found = array.shape if isinstance(array, np.ndarray) else type(array).__name__
        raise InputError(f"{where} is {found}, not (frames, {joints}, {dimensions}): expected VideoPose3D's file")
    return np.asarray(array[..., :dimensions], dtype=np.float32)


# These files hold pickled dictionaries, and unpickling runs whatever code the file names. Only what arrays, strings
# and numbers in dictionaries and lists need is allowed.

_ALLOWED = {
    *((module, name) for module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
      for name in ("ndarray", "dtype", "_reconstruct", "scalar")),
    ("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
}  # fmt: skip


class _SafeUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it tries to run {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _load_dict(path: Path, key: str) -> dict[Any, Any]:
    """The dictionary under `key` of an .npz, without running code from it."""
    try:
        with zipfile.ZipFile(path) as archive:
            if f"{key}.npy" not in archive.namelist():
                raise InputError(f"{path} has no {key}: expected VideoPose3D's {path.name}")
            with archive.open(f"{key}.npy") as file:
                _skip_npy_header(file)
                # latin1 reads what Python 2 wrote.
                loaded = _SafeUnpickler(file, encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} is refused, {error}: expected VideoPose3D's own file") from None
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, AttributeError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({error}): expected VideoPose3D's {path.name}") from None
    value = loaded.item() if isinstance(loaded, np.ndarray) and loaded.ndim == 0 else None
    if not isinstance(value, dict):
        raise InputError(f"{path}: {key} is not a dictionary of subjects: expected VideoPose3D's {path.name}")
    return value


def _skip_npy_header(file: IO[bytes]) -> None:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = read(file)
    if not dtype.hasobject:
        raise ValueError("it holds no dictionary")
