from pathlib import Path

import pytest

from rtpose.errors import ConfigError
from rtpose.networks.recipes import Limits, load_recipe, recipe_for, recipe_names
from rtpose.networks.weights import depth_lifters

LANDMARKS = {"pose_landmark_lite", "pose_landmark_full", "pose_landmark_heavy"}


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_read_and_has_a_limit(name: str) -> None:
    known, recipe = load_recipe(name)
    assert known == name
    assert recipe.network in {*depth_lifters(), "cascaded", "pose_detection", *LANDMARKS}
    assert recipe.limits.joints_3d_mm or recipe.limits.error_3d_mm
    assert recipe_for(recipe.network, recipe.backend, recipe.device, recipe.precision) == name


def test_the_networks_of_the_issue_have_an_int8_recipe() -> None:
    networks = {load_recipe(name)[1].network for name in recipe_names() if name.endswith("-int8")}
    assert {*LANDMARKS, "pose_detection", "cascaded", *depth_lifters()} <= networks


def test_a_recipe_of_the_user(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('network = "svmac"\nbackend = "openvino"\nprecision = "int8"\n[limits]\njoints_3d_mm = 1\n')
    name, recipe = load_recipe(str(file))
    assert (name, recipe.network, recipe.limits) == ("mine", "svmac", Limits(joints_3d_mm=1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('network = "svmac"', "missing required field"),
        ('network = "svmac"\nbackend = "abacus"\nprecision = "int8"\n[limits]\n', "abacus"),
        ('network = "svmac"\nbackend = "openvino"\nprecision = "int8"\nshape = 1\n[limits]\n', "shape"),
        ("network = ", "is not a recipe"),
    ],
)
def test_a_wrong_recipe_is_reported(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_recipe(str(file))


def test_an_unknown_recipe_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pose_landmark_full-int8"):
        load_recipe("nothing")
    with pytest.raises(ConfigError, match="no recipe"):
        load_recipe(str(tmp_path / "missing.toml"))
