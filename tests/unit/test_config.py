from pathlib import Path

import pytest

from rtpose.config import RunSettings, dump_settings, load_settings
from rtpose.errors import ConfigError
from rtpose.train.cascaded.settings import CascadedSettings
from rtpose.train.lifters.catalogue import METHODS
from rtpose.train.lifters.settings import SvmacSettings

TRAIN_SETTINGS = {name: kind.settings for name, kind in METHODS.items()} | {"cascaded": CascadedSettings}
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


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\x00"])
def test_wrong_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        load_settings(RunSettings, file)
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        load_settings(RunSettings, tmp_path / "gone.yaml")
