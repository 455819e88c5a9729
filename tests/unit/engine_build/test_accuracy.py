import numpy as np
import pytest
from lifter_files import write_lifter

from rtpose.engine_build.accuracy import (
    Distances,
    Figures,
    Recorder,
    compare_motions,
    figures_of,
    record_motions,
    time_both,
)
from rtpose.engine_build.calibration import footage, motions
from rtpose.errors import ConfigError
from rtpose.networks.recipes import Limits


def _figures(**changed: float | None) -> Figures:
    same = {
        "joints_2d_percent": 0.5, "joints_2d_p95_percent": 1.0, "joints_3d_mm": 4.0, "joints_3d_p95_mm": 9.0,
        "fp32_error_mm": 100.0, "engine_error_mm": 103.0, "people_percent": 1.0, "compared": 10, "fp32_ms": 10.0,
        "engine_ms": 5.0,
    }  # fmt: skip
    return Figures(**{**same, **changed})  # type: ignore[arg-type]


LIMITS = Limits(joints_2d_percent=1.5, joints_3d_mm=5.0, error_3d_mm=5.0)


def test_within_all_limits_it_is_kept() -> None:
    assert _figures().refusal(LIMITS) is None
    assert _figures().speedup == 2.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"joints_2d_percent": 1.6}, "2D joints are 1.60 % of the height"),
        ({"joints_3d_mm": 5.1}, "3D joints are 5.10 mm"),
        ({"joints_3d_mm": float("nan")}, "3D joints are nan"),
        ({"engine_error_mm": 105.5}, "3D error is 5.50 mm larger"),
        ({"people_percent": 2.5}, "different people in 2.5 %"),
        ({"engine_ms": 9.9}, "1.01 x as fast"),
        ({"compared": 0}, "no person was found"),
    ],
)
def test_each_limit_refuses(changed: dict[str, float], said: str) -> None:
    refusal = _figures(**changed).refusal(LIMITS)
    assert refusal is not None
    assert said in refusal


def test_a_limit_that_is_not_set_or_not_known_refuses_nothing() -> None:
    assert _figures(joints_3d_mm=50.0).refusal(Limits(joints_2d_percent=1.5)) is None
    lifter = _figures(joints_2d_percent=None, fp32_error_mm=None, engine_error_mm=None)
    assert lifter.refusal(LIMITS) is None


def test_medians_and_means() -> None:
    distances = Distances(
        mm=np.array([1, 2, 30], np.float32), percent=np.array([0.1, 0.2, 0.9], np.float32),
        errors_mm=np.array([[100, 101], [50, 53]], np.float32), pictures=4, differing=1, compared=3,
    )  # fmt: skip
    figures = figures_of(distances, 8.0, 2.0)
    assert figures.joints_3d_mm == 2
    assert figures.joints_2d_percent == pytest.approx(0.2)
    assert figures.error_rise_mm == pytest.approx(2.0)
    assert figures.people_percent == 25
    assert figures.as_dict()["speedup"] == 4


def test_the_two_parts_have_nothing_in_common() -> None:
    (place,) = footage(["sample", "clips"])
    calibration = [(first, shot.frame.frame_id) for first, shot in place.part(check=False, count=70)]
    check = [(first, shot.frame.frame_id) for first, shot in place.part(check=True, count=70)]
    assert len(calibration) == len(check) == 70
    assert not {i for _, i in calibration} & {i for _, i in check}
    # Blocks of 30 in turns; who remembers is told where one begins.
    assert [i for first, i in calibration if first] == [0, 60, 120]
    assert [i for first, i in check if first] == [30, 90, 150]


def test_nothing_to_calibrate_on_is_reported() -> None:
    with pytest.raises(ConfigError, match="--rendered"):
        footage(["rendered", "clips"])


def test_motions_to_check_are_of_others() -> None:
    ours = [frame.keypoints for frame in motions(check=False, count=40)]
    theirs = [frame.keypoints for frame in motions(check=True, count=40)]
    assert len(ours) == len(theirs) == 40
    assert ours[0].shape == (1, 17, 3)
    assert not np.allclose(ours[0], theirs[0], atol=1.0)


@pytest.mark.slow
def test_an_engine_that_is_off_by_a_known_amount(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A lifter against itself with every depth but the root's 1 % larger: the distance is what 1 % of the depths is."""
    source = write_lifter(tmp_path / "svmac.onnx", width=8)

    class Deeper(Recorder):
        def run(self, inputs):  # type: ignore[no-untyped-def]
            return {"depth": self.backend.run(inputs)["depth"] * np.float32(1.01)}

    same = compare_motions(source, lambda load: load(), 20, 1)
    assert same.mm.max() == 0
    off = compare_motions(source, lambda load: Deeper(load(), 0), 20, 1)
    assert 0 < np.median(off.mm) < 50
    recorder = record_motions(source, 5, 1)
    assert len(recorder.inputs) == 5
    assert recorder.inputs[0]["points"].shape == (1, 34)
    fp32_ms, engine_ms = time_both(recorder.backend, recorder.backend, recorder.inputs)
    assert fp32_ms > 0
    assert engine_ms > 0
