from pathlib import Path
from typing import Any

import pytest

from rtpose.config import CalibrationSettings, RunSettings, dump_settings, load_settings, make_settings
from rtpose.errors import ConfigError
from rtpose.train.cascaded.settings import CascadedSettings
from rtpose.train.lifters.catalogue import METHODS
from rtpose.train.lifters.fusion.settings import FusionSettings
from rtpose.train.lifters.settings import SvmacSettings

TRAIN_SETTINGS = {name: kind.settings for name, kind in METHODS.items()} | {
    "cascaded": CascadedSettings,
    "fusion": FusionSettings,
}
CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    ("file", "kind"),
    [(f, RunSettings) for f in sorted(CONFIGS.glob("run/*.yaml"))]
    + [(f, TRAIN_SETTINGS[f.stem.split("_")[0]]) for f in sorted(CONFIGS.glob("train/*.yaml"))],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_shipped_configs_load(file: Path, kind: type) -> None:
    assert load_settings(kind, file) is not None


def test_every_shipped_config_is_tested() -> None:
    assert {f.parent.name for f in CONFIGS.rglob("*.yaml")} == {"run", "train"}


def test_overrides_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("steps: 10\nnoise: {sigma: 0.5}\n")
    settings = load_settings(SvmacSettings, file, ["noise.sigma=1e-2", "seed=3"])
    assert (settings.steps, settings.noise.sigma, settings.seed) == (10, 0.01, 3)
    assert settings.noise.outlier_share == SvmacSettings().noise.outlier_share


def test_round_trip(tmp_path: Path) -> None:
    settings = load_settings(SvmacSettings, None, ["angles=3", "betas=[0.5,0.9]"])
    file = tmp_path / "c.yaml"
    file.write_text(dump_settings(settings))
    assert load_settings(SvmacSettings, file) == settings


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["stepz=1"], "stepz"),
        (["steps=many"], "steps"),
        (["steps"], "name=value"),
        (["angles=4"], "angles"),
        (["steps=1", "steps.more=1"], "single value"),
    ],
)
def test_wrong_settings_are_named(overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_settings(SvmacSettings, None, overrides)


def test_off_is_off_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("smooth: off\n")
    assert load_settings(RunSettings, file).smooth == "off"


@pytest.mark.parametrize("override", ["one_euro.min_cutoff_hz=0", "persons=0", "threads=0", "smooth=maybe"])
def test_impossible_values_are_refused(override: str) -> None:
    with pytest.raises(ConfigError, match=override.split("=")[0].split(".")[-1]):
        load_settings(RunSettings, None, [override])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"persons": 0}, "persons: 0 is not allowed: give a whole number of 1 or more"),
        ({"persons": "many"}, "persons: 'many' is not allowed: give a whole number"),
        ({"height_m": "tall"}, "height_m: 'tall' is not allowed: give a number or nothing"),
        ({"smooth": "maybe"}, "smooth: 'maybe' is not allowed: choose one of auto, one-euro, root, off"),
        ({"one_euro": {"min_cutoff_hz": 0}}, "one_euro.min_cutoff_hz: 0 is not allowed: give a number above 0.0"),
        ({"one_euro": {"speed": 1}}, "there is no setting 'one_euro.speed': choose one of min_cutoff_hz, beta_per_m"),
        ({"colour": "red"}, "there is no setting 'colour': choose one of estimator, detector"),
        ({"lifter": "svmac", "estimator": "cascaded"}, "lifter is a setting of the estimator two-stage"),
        ({"cascaded": "a.onnx"}, "cascaded is a setting of the estimator cascaded"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        make_settings(**given)
    assert str(error.value).startswith(words)
    assert not set("`$") & set(str(error.value))


def test_a_setting_that_a_file_lacks(tmp_path: Path) -> None:
    file = tmp_path / "camera.yaml"
    file.write_text("camera: [500, 500, 320, 240]\n")
    with pytest.raises(ConfigError, match=r"camera\.yaml: the setting 'image_size' is missing"):
        load_settings(CalibrationSettings, file)


def test_given_settings_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("persons: 2\nheight_m: 1.8\n")
    settings = make_settings(file, persons=3, fov_deg=None, calibration=Path("a b.yaml"))
    assert (settings.persons, settings.height_m, settings.fov_deg, settings.calibration) == (3, 1.8, None, "a b.yaml")


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\x00"])
def test_wrong_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        load_settings(RunSettings, file)
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        load_settings(RunSettings, tmp_path / "gone.yaml")
