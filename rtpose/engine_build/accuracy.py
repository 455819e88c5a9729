"""How far an engine's results are from those of its fp32 network, and how much faster it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose import metrics
from rtpose.config import RunSettings
from rtpose.engine_build.calibration import Footage, motions
from rtpose.errors import ConfigError
from rtpose.geometry import DEFAULT_HEIGHT_M, pixels_from_camera
from rtpose.networks.backends import load_backend
from rtpose.networks.model_files import FILES, path_of
from rtpose.networks.options import LoadOptions
from rtpose.networks.pool import NetworkPool, Substitute
from rtpose.networks.recipes import Limits
from rtpose.pose.cascaded.estimator import CascadedEstimator, CascadedNetwork
from rtpose.pose.detect.blazepose import LANDMARK_FILES, BlazePose
from rtpose.pose.detect.person_finder import PersonFinder
from rtpose.pose.lift import open_lifter
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.pose.track import PersonTracker
from rtpose.pose.two_stage import TwoStageEstimator
from rtpose.skeleton import H36M17
from rtpose.types import Backend, Camera, Estimator, Float32, Person3D

Inputs = Mapping[str, NDArray[np.float32]]

BODY_JOINTS = len(H36M17.joints)
"""The first joints of a person: the ground truth and all estimators have them."""
SURE = 0.5
"""Joints of lower confidence are not compared: both networks only guess them."""
ROUNDS = 40
WARM_UP = 3


class Recorder:
    """A backend that records its inputs."""

    def __init__(self, backend: Backend, count: int) -> None:
        self.backend = backend
        self.count = count
        self.inputs: list[dict[str, NDArray[np.float32]]] = []
        self.input_shapes = backend.input_shapes
        self.output_names = backend.output_names
        self.metadata = backend.metadata

    @property
    def full(self) -> bool:
        """Whether `count` inputs are recorded."""
        return len(self.inputs) >= self.count

    def run(self, inputs: Inputs) -> dict[str, NDArray[np.float32]]:
        """See `Backend.run`."""
        if not self.full:
            self.inputs.append({name: np.array(values) for name, values in inputs.items()})
        return self.backend.run(inputs)


@dataclass(frozen=True)
class Figures:
    """An engine compared with fp32."""

    joints_2d_percent: float | None
    """Median distance of a joint, as a percentage of the person's height in the picture; None for a lifter."""
    joints_2d_p95_percent: float | None
    joints_3d_mm: float
    """Median distance of a joint, root-relative."""
    joints_3d_p95_mm: float
    fp32_error_mm: float | None
    """Mean MPJPE of fp32 against the ground truth; None without ground truth."""
    engine_error_mm: float | None
    people_percent: float
    """Percentage of pictures in which only one of the two finds a person, or they find different people."""
    compared: int
    """People compared."""
    fp32_ms: float
    """Median time of one run of the network alone; the two alternate."""
    engine_ms: float

    @property
    def speedup(self) -> float:
        """How many times as fast as fp32."""
        return self.fp32_ms / self.engine_ms

    @property
    def error_rise_mm(self) -> float | None:
        """How much larger the error against the ground truth is than fp32's."""
        if self.fp32_error_mm is None or self.engine_error_mm is None:
            return None
        return self.engine_error_mm - self.fp32_error_mm

    def as_dict(self) -> dict[str, float | None]:
        """For the report."""
        return {key: None if v is None else round(v, 4) for key, v in asdict(self).items()} | {
            "speedup": round(self.speedup, 3)
        }

    def refusal(self, limits: Limits) -> str | None:
        """Why an engine with these figures is refused; None if it is kept."""
        wrong = []
        if self.compared == 0:
            wrong.append("no person was found to compare")
        for what, value, limit in (
            ("2D joints are {} % of the height from fp32's", self.joints_2d_percent, limits.joints_2d_percent),
            ("3D joints are {} mm from fp32's", self.joints_3d_mm, limits.joints_3d_mm),
            ("the 3D error is {} mm larger than fp32's", self.error_rise_mm, limits.error_3d_mm),
        ):
            if (
                limit is not None and value is not None and not value <= limit
            ):  # written so that NaN counts as beyond the limit
                wrong.append(f"{what.format(f'{value:.2f}')}, limit {limit:g}")
        if self.people_percent > limits.people_percent:
            wrong.append(
                f"different people in {self.people_percent:.1f} % of the pictures, limit {limits.people_percent:g}"
            )
        if self.speedup < limits.speedup:
            wrong.append(f"{self.speedup:.2f} x as fast as fp32, at least {limits.speedup:g} needed")
        return "; ".join(wrong) or None

    def __str__(self) -> str:
        flat = "" if self.joints_2d_percent is None else f"2D {self.joints_2d_percent:.2f} % of the height, "
        error = ""
        if self.fp32_error_mm is not None:
            error = f", against the truth {self.engine_error_mm:.1f} mm (fp32 {self.fp32_error_mm:.1f})"
        return (
            f"{self.speedup:.2f} x fp32 ({self.engine_ms:.2f} of {self.fp32_ms:.2f} ms), "
            f"{flat}3D {self.joints_3d_mm:.1f} mm from fp32's{error}"
        )


def is_for_pictures(source: Path) -> bool:
    """Whether a network takes pictures; the others are lifters."""
    return source.suffix == ".tflite" or "image" in load_backend(source).input_shapes


def picture_estimator(source: Path, by: Substitute | None, threads: int | None) -> Estimator:
    """The estimator that uses a picture network. by: what runs in place of the network."""
    options, pool = LoadOptions(threads=threads), NetworkPool()
    if by is not None:
        pool.substitute(source, by)
    if source.suffix == ".tflite":
        if source.name not in FILES or source.resolve() != path_of(source.name).resolve():
            raise ConfigError(f"{source} is not a BlazePose network that rtpose knows: see `rtpose models list`")
        size = next((size for size, file in LANDMARK_FILES.items() if file == source.name), None)
        detector = BlazePose(persons=1, network=size, options=options, pool=pool)
        lifter = open_lifter(RunSettings().lifter, options=options, pool=pool)
        return TwoStageEstimator("blazepose", detector, PersonTracker(), lifter)
    network = CascadedNetwork(source, options=options, pool=pool)
    finder = PersonFinder(options=options, pool=pool)
    return CascadedEstimator(network, finder, PersonTracker(), persons=1, height_m=DEFAULT_HEIGHT_M)


def record_pictures(
    source: Path, places: Sequence[Footage], count: int, threads: int | None, step: Callable[[int, int], None]
) -> Recorder:
    """The inputs that a network receives in its estimator on the calibration part of all footage."""
    recorders: list[Recorder] = []

    def record(load: Callable[[], Backend]) -> Backend:
        recorders.append(Recorder(load(), count))
        return recorders[-1]

    estimator = picture_estimator(source, record, threads)
    (recorder,) = recorders
    for number, place in enumerate(places, start=1):
        recorder.count = count * number // len(places)
        for first, shot in place.part(check=False, count=count):
            if recorder.full:
                break
            if first:
                estimator.reset()
            estimator.begin(shot.frame, shot.camera)()
            step(len(recorder.inputs), count)
    recorder.count = count
    if not recorder.inputs:
        raise ConfigError("no person was found in the calibration pictures: name others (--rendered, --clips)")
    return recorder


def _lifter(source: Path, by: Substitute | None, threads: int | None) -> NetworkLifter:
    pool = NetworkPool()
    if by is not None:
        pool.substitute(source, by)
    return NetworkLifter(str(source), options=LoadOptions(threads=threads), pool=pool)


def record_motions(source: Path, count: int, threads: int | None) -> Recorder:
    """The inputs that a lifter receives on the built-in motions."""
    recorders: list[Recorder] = []

    def record(load: Callable[[], Backend]) -> Backend:
        recorders.append(Recorder(load(), count))
        return recorders[-1]

    lifter = _lifter(source, record, threads)
    for frame in motions(check=False, count=count):
        lifter.lift(frame.keypoints, frame.camera)
    return recorders[0]


@dataclass(frozen=True)
class Distances:
    """Distances between the results of two networks, for every joint that both are confident about."""

    mm: NDArray[np.float32]
    percent: NDArray[np.float32] | None
    errors_mm: NDArray[np.float32]
    """(N, 2): MPJPE of both networks against the ground truth, over confident joints, for each person who has one."""
    pictures: int
    differing: int
    """Pictures in which the two did not find the same people."""
    compared: int


def compare_pictures(
    source: Path,
    by: Substitute,
    places: Sequence[Footage],
    count: int,
    threads: int | None,
    step: Callable[[int, int], None],
) -> Distances:
    """Run both estimators on the checking part of all footage; each tracks people separately, as in a run."""
    ours, theirs = picture_estimator(source, None, threads), picture_estimator(source, by, threads)
    mm, percent = [np.zeros(0)], [np.zeros(0)]
    errors: list[tuple[float, float]] = []
    pictures = differing = compared = 0
    each = max(1, count // len(places))
    for place in places:
        for first, shot in place.part(check=True, count=each):
            if first:
                ours.reset()
                theirs.reset()
            camera = shot.camera
            a, b = ours.begin(shot.frame, camera)(), theirs.begin(shot.frame, camera)()
            pictures += 1
            step(pictures, each * len(places))
            if bool(a) != bool(b) or (a and shot.truth is not None and _others(a[0], b[0], shot.truth, camera)):
                differing += 1
            elif a:
                compared += 1
                sure = a[0].confidence[:BODY_JOINTS] >= SURE
                height_px = DEFAULT_HEIGHT_M * camera.fy / float(a[0].root_3d[2])
                flat = np.linalg.norm((a[0].keypoints_2d - b[0].keypoints_2d)[:BODY_JOINTS][sure, :2], axis=-1)
                percent.append(100 * flat / height_px)
                mm.append(1000 * np.linalg.norm((a[0].pose_3d - b[0].pose_3d)[:BODY_JOINTS][sure], axis=-1))
                if shot.truth is not None and sure.any():
                    true = shot.truth[_nearest(a[0], shot.truth, camera)]
                    errors.append((_error_mm(a[0], true, sure), _error_mm(b[0], true, sure)))
    table = np.array(errors, np.float32).reshape(-1, 2)
    return Distances(np.concatenate(mm), np.concatenate(percent), table, pictures, differing, compared)


def _nearest(person: Person3D, truth: Float32, camera: Camera) -> int:
    """Index of the true person (P, 17, 3) who is nearest in the picture."""
    seen = person.keypoints_2d[:BODY_JOINTS, :2]
    return int(np.argmin(np.linalg.norm(pixels_from_camera(truth, camera) - seen, axis=-1).mean(-1)))


def _others(a: Person3D, b: Person3D, truth: Float32, camera: Camera) -> bool:
    return _nearest(a, truth, camera) != _nearest(b, truth, camera)


def _error_mm(person: Person3D, true: Float32, sure: NDArray[np.bool_]) -> float:
    """MPJPE of the joints `sure` (17,) against (17, 3)."""
    pose = person.pose_3d[None, :BODY_JOINTS]
    return 1000 * float(metrics.joint_errors(pose, metrics.root_relative(true[None]))[0, sure].mean())


def compare_motions(source: Path, by: Substitute, count: int, threads: int | None) -> Distances:
    """Run both lifters on the built-in motions of people who are not in the calibration part."""
    ours, theirs = _lifter(source, None, threads), _lifter(source, by, threads)
    mm = []
    for frame in motions(check=True, count=count):
        a, b = (one.lift(frame.keypoints, frame.camera)[0] for one in (ours, theirs))
        mm.append(1000 * np.linalg.norm(a[0] - b[0], axis=-1))
    return Distances(np.concatenate(mm), None, np.zeros((0, 2), np.float32), len(mm), 0, len(mm))


def time_both(ours: Backend, theirs: Backend, inputs: Sequence[Inputs]) -> tuple[float, float]:
    """Median milliseconds of one run of each; the two alternate."""
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(ROUNDS + WARM_UP):
        for backend, spent in zip((ours, theirs), times, strict=True):
            started = time.perf_counter()
            backend.run(inputs[i % len(inputs)])
            spent.append(1000 * (time.perf_counter() - started))
    return float(np.median(times[0][WARM_UP:])), float(np.median(times[1][WARM_UP:]))


def figures_of(distances: Distances, fp32_ms: float, engine_ms: float) -> Figures:
    """The medians."""

    def percentile(values: NDArray[np.float32] | None, p: int) -> float | None:
        return None if values is None else float(np.percentile(values, p)) if values.size else float("nan")

    errors = distances.errors_mm.mean(axis=0).tolist() if len(distances.errors_mm) else [None, None]
    return Figures(
        joints_2d_percent=percentile(distances.percent, 50),
        joints_2d_p95_percent=percentile(distances.percent, 95),
        joints_3d_mm=percentile(distances.mm, 50) or 0.0,
        joints_3d_p95_mm=percentile(distances.mm, 95) or 0.0,
        fp32_error_mm=errors[0],
        engine_error_mm=errors[1],
        people_percent=100 * distances.differing / max(1, distances.pictures),
        compared=distances.compared,
        fp32_ms=fp32_ms,
        engine_ms=engine_ms,
    )
