"""What can be known of TensorRT engines without a GPU."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lifter_files import write_lifter
from runnable import has_tensorrt

from rtpose.engine_build.tensorrt import OPERATORS_FILE, build_tensorrt, exported_operators, free_batch, known_operators
from rtpose.errors import ConfigError, MissingExtraError, ModelError
from rtpose.modules.cascaded import Cascaded
from rtpose.modules.files import load_module
from rtpose.modules.registry import inputs_and_outputs
from rtpose.networks.backends import load_backend
from rtpose.networks.backends import tensorrt as backend
from rtpose.networks.options import LoadOptions
from rtpose.networks.recipes import load_recipe
from rtpose.networks.weights import depth_lifters, lifter_file

pytestmark = pytest.mark.filterwarnings("ignore")  # torch.export's own deprecations


@pytest.mark.slow
@pytest.mark.parametrize("lifter", depth_lifters())
def test_every_lifter_exports_in_one_piece_of_known_operators(lifter: str) -> None:
    module = load_module(lifter_file(lifter)).module
    example = tuple(inputs_and_outputs(17)[0].values())
    operators = exported_operators(module, example, free_batch(len(example), 1, 8))
    assert "aten.addmm" in operators
    assert operators <= set(known_operators())


@pytest.mark.slow
@pytest.mark.parametrize("trunk", ["resnet18", "blazepose"])
def test_cascaded_exports_in_one_piece_of_known_operators(trunk: str) -> None:
    module = Cascaded(
        input_px=64, depth_channels=16, trunk=trunk, trunk_width=0.125, width=8, lift_width=16,
        ordinal=False, scale_branch=True,
    ).eval()  # fmt: skip
    operators = exported_operators(module, (torch.zeros(2, 3, 64, 64),), free_batch(1, 1, 8))
    assert {"aten.convolution", "aten._softmax"} <= operators
    assert operators <= set(known_operators())


def test_an_operator_without_a_converter_is_noticed() -> None:
    class Odd(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.det(x)

    assert not exported_operators(Odd(), (torch.eye(3)[None],), None) <= set(known_operators())


def test_the_list_names_its_source() -> None:
    assert "github.com/NVIDIA/Torch-TensorRT/blob/" in OPERATORS_FILE.read_text(encoding="utf-8")


@pytest.mark.skipif(has_tensorrt(), reason="torch_tensorrt and a GPU are here")
def test_without_its_extra_or_gpu_one_line_says_so(tmp_path: Path) -> None:
    with pytest.raises((MissingExtraError, ConfigError), match="tensorrt"):
        load_backend(tmp_path / "x.ep", LoadOptions("tensorrt"))
    with pytest.raises(ModelError, match="rtpose export --recipe"):
        load_backend(tmp_path / "x.onnx", LoadOptions("tensorrt"))
    with pytest.raises(ConfigError, match="runs on cuda"):
        load_backend(tmp_path / "x.ep", LoadOptions("tensorrt", device="cpu"))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A torch_tensorrt that compiles nothing: it notes how it was called, saves and loads the exported program."""
    calls = SimpleNamespace(compile=None, inputs=[])
    module = ModuleType("torch_tensorrt")

    def compile_program(program: Any, **settings: Any) -> Any:
        calls.compile = settings
        return program

    def save(program: Any, file: str, **settings: Any) -> None:
        calls.save = settings
        torch.export.save(program, file)

    module.dynamo = SimpleNamespace(compile=compile_program)  # type: ignore[attr-defined]
    module.Input = lambda **shapes: shapes  # type: ignore[attr-defined]
    module.save = save  # type: ignore[attr-defined]
    module.load = torch.export.load  # type: ignore[attr-defined]
    module.__version__ = "2.99.0"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_tensorrt", module)
    monkeypatch.setattr(backend, "check_gpu", lambda: "a GPU")
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)
    monkeypatch.setattr(torch.nn.Module, "cuda", lambda self: self)
    return calls


@pytest.mark.slow
def test_an_engine_is_built_saved_and_run(stand_in: SimpleNamespace, tmp_path: Path) -> None:
    source = write_lifter(tmp_path / "svmac.onnx", width=8)
    recipe = load_recipe("cascaded-tensorrt-fp16")[1]
    said: list[str] = []
    engine = tmp_path / "engine.ep"
    build_tensorrt(recipe, source, [], engine, said.append)
    assert said[0] == "TensorRT on a GPU"
    assert any("minutes" in line for line in said)
    assert stand_in.compile["use_explicit_typing"]
    shapes = stand_in.compile["inputs"][0]
    assert (shapes["min_shape"], shapes["opt_shape"], shapes["max_shape"]) == ((1, 34), (1, 34), (8, 34))
    reference = load_backend(source, LoadOptions("torch", precision="fp16"))
    interface = {
        "inputs": dict(reference.input_shapes), "outputs": list(reference.output_names),
        "metadata": dict(reference.metadata),
    }  # fmt: skip
    engine.with_suffix(".json").write_text(json.dumps({"interface": interface}))
    ours = load_backend(engine, LoadOptions("tensorrt"))
    assert ours.input_shapes == reference.input_shapes
    inputs = {n: np.full((3, *s[1:]), 0.1, np.float32) for n, s in reference.input_shapes.items()}
    ours_result, expected = ours.run(inputs), reference.run(inputs)
    assert ours_result.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(ours_result[name], values, atol=1e-3)


def test_a_fixed_batch_is_exported_fixed(stand_in: SimpleNamespace, tmp_path: Path) -> None:
    source = write_lifter(tmp_path / "svmac.onnx", width=8)
    recipe = load_recipe("cascaded-tensorrt-fp16")[1]
    fixed = type(recipe)(**{f: getattr(recipe, f) for f in recipe.__struct_fields__} | {"batch": (4, 4, 4)})
    build_tensorrt(fixed, source, [], tmp_path / "engine.ep", lambda text: None)
    assert stand_in.save["dynamic_shapes"] is None
    assert stand_in.save["arg_inputs"][0].shape == (4, 34)


def test_an_engine_without_its_description_is_reported(stand_in: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "engine.ep").write_bytes(b"")
    with pytest.raises(ModelError, match="build it again"):
        load_backend(tmp_path / "engine.ep", LoadOptions("tensorrt"))


def test_int8_without_modelopt_is_reported(stand_in: SimpleNamespace, tmp_path: Path) -> None:
    source = write_lifter(tmp_path / "svmac.onnx", width=8)
    recipe = load_recipe("cascaded-tensorrt-int8")[1]
    with pytest.raises(MissingExtraError, match="quantising for TensorRT"):
        build_tensorrt(recipe, source, [{"points": np.zeros((1, 34), np.float32)}], tmp_path / "e.ep", print)
