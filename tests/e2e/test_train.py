"""`rtpose train` and `rtpose eval` on the embedded pack, as someone with a fresh install runs them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command import environment, rtpose, torchrun

from rtpose.assets import sample_clip

pytestmark = pytest.mark.slow

TINY = ("width=16", "batch_size=16", "steps=4", "validate_every=2")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    run = rtpose("train", "svmac", *TINY, "--out", "run", "--quiet", cwd=folder)
    assert run.returncode == 0, run.stderr
    return folder


def test_training_writes_what_it_should(trained: Path) -> None:
    run = trained / "run"
    assert {f.name for f in run.iterdir()} >= {"settings.yaml", "log.csv", "last.pt", "best.pt", "svmac.onnx"}
    assert (run / "svmac.safetensors").is_file()
    rows = (run / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "2", "4"]


def test_a_trained_lifter_is_evaluated_and_used(trained: Path) -> None:
    run = rtpose("eval", "run/svmac.onnx", "--json", "figures.json", cwd=trained)
    assert run.returncode == 0, run.stderr
    figures = json.loads((trained / "figures.json").read_text())
    assert f"{figures['p_mpjpe_mm']:.1f}" in run.stdout
    assert figures["lifter"] == "svmac"
    run = rtpose("video", sample_clip(), "--lifter", "run/svmac.onnx", "--out", "poses.npz", "--quiet", cwd=trained)
    assert run.returncode == 0, run.stderr


def test_the_folder_is_kept_and_resumed(trained: Path) -> None:
    run = rtpose("train", "svmac", *TINY, "--out", "run", "--quiet", cwd=trained)
    assert run.returncode == 2
    assert "--resume" in run.stderr
    assert rtpose("train", "svmac", *TINY, "--out", "run", "--resume", "--quiet", cwd=trained).returncode == 0


def test_it_says_when_it_stops_early(tmp_path: Path) -> None:
    """At a learning rate that changes nothing, the first validation stays the best one."""
    settings = ("steps=9", "validate_every=1", "patience=2", "learning_rate=1e-30", "final_learning_rate=1e-30")
    run = rtpose("train", "svmac", "width=16", "batch_size=16", *settings, "--out", "run", "--quiet", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    words = "; stopped early at step 3 of 9: the last 2 validations were no better than step 1"
    words += " (patience=0 never stops early)"
    assert run.stdout.splitlines()[-1].endswith(words)


def test_two_processes_train_the_same_lifter(tmp_path: Path) -> None:
    """With `torchrun`, the same command ends at the same weights up to float32's rounding: 1e-5 after 8 steps.

    Left out: biases before batch normalisation, whose gradients are rounding alone, and the running means that follow
    them. The validation error, which averages over them, agrees within 0.5 %.
    """
    settings = ("width=16", "batch_size=16", "steps=8", "validate_every=4", "dropout=0", "--quiet")
    two = torchrun(2, "-m", "rtpose", "train", "consistency", *settings, "--out", "two", cwd=tmp_path)
    assert two.returncode == 0, two.stderr
    one = rtpose("train", "consistency", *settings, "--out", "one", cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    for said in (one.stdout, two.stdout):
        assert len(said.splitlines()) == 3  # one process alone speaks
        assert re.fullmatch(r"[\d,]+ poses/s; \d+% of a step is not matrix work", said.splitlines()[2])
    states = [torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("one", "two")]
    compared = 0
    for name, value in states[0]["generator"].items():
        normalised = f"{name.removesuffix('.0.bias')}.1.running_mean" in states[0]["generator"]
        if not normalised and not name.endswith("running_mean"):
            torch.testing.assert_close(states[1]["generator"][name], value, rtol=0, atol=1e-5)
            compared += 1
    assert compared == 5 * 5 + 2  # per dense layer: weight, scale, shift, variance, count; the last layer's two
    assert states[1]["best_mm"] == pytest.approx(states[0]["best_mm"], rel=5e-3)


def test_wrong_data_and_settings(tmp_path: Path) -> None:
    for arguments, words in (
        (("--data", "nowhere"), "nowhere does not exist"),
        (("--data", "."), "looked for cmu17_*.npz (motion packs)"),
        (("stepz=1",), "stepz"),
        (("--config", "gone.yaml"), "gone.yaml"),
    ):
        run = rtpose("train", "svmac", *arguments, cwd=tmp_path)
        assert run.returncode == 2, arguments
        assert run.stderr.startswith("rtpose: ")
        assert words in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["train", "svmac"], ["eval", "svmac"], ["demo", "--backend", "torch"]])
def test_a_missing_extra_names_the_pip_command(arguments: list[str], tmp_path: Path) -> None:
    code = f"import sys; sys.modules['torch'] = None; sys.argv[1:] = {arguments}; import rtpose.cli as c; c.main()"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 2
    assert "[train]'" in run.stderr
    assert "Traceback" not in run.stderr
