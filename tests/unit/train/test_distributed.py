"""Two processes that share a batch, started as `torchrun` does, against one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from command import torchrun
from two_processes import CASES, gradients, small_pack

from rtpose.errors import ConfigError
from rtpose.train.distributed import own_rows, rand_rows, start_fabric

pytestmark = pytest.mark.slow  # starts two processes, which import torch
SCRIPT = Path(__file__).parents[2] / "helpers" / "two_processes.py"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], Path]:
    """What each of the two found, and the folder they worked in."""
    folder = tmp_path_factory.mktemp("two")
    done = torchrun(2, SCRIPT, folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)], folder


@pytest.mark.parametrize("case", CASES)
def test_two_processes_have_the_gradients_of_one(case: str, both: tuple[list[dict[str, Any]], Path]) -> None:
    """Up to float32's rounding, because sums are made in another order: 1e-4 of the largest number of each tensor, or
    2e-5 of the largest gradient of the update (a bias before batch normalisation has none but rounding).

    Running means: the noise in such biases, which Adam makes a step of 1e-3, arrives there with a weight of 0.1.
    """
    alone = gradients(case, start_fabric(), small_pack())
    first, second = (found["gradients"][case] for found in both[0])
    assert alone.keys() == first.keys()
    largest: dict[str, float] = {}
    for name, value in alone.items():
        update = name.rsplit(" ", 1)[0]
        largest[update] = max(largest.get(update, 0.0), float(value.abs().max()))
    for name, expected in alone.items():
        assert torch.equal(first[name], second[name]), name
        rounding = 2e-4 if "running_mean" in name else 2e-5 * largest[name.rsplit(" ", 1)[0]]
        tolerance = max(1e-4 * float(expected.abs().max()), rounding)
        torch.testing.assert_close(first[name], expected, rtol=0, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}")


def test_a_resumed_run_of_two_ends_at_the_same_weights(both: tuple[list[dict[str, Any]], Path]) -> None:
    straight, resumed = both[0][0]["weights"]
    for weights in (resumed, *both[0][1]["weights"]):
        for name, value in straight.items():
            assert torch.equal(value, weights[name]), name


def test_the_first_process_alone_writes(both: tuple[list[dict[str, Any]], Path]) -> None:
    steps = [line.split(",")[0] for line in (both[1] / "resumed" / "log.csv").read_text().splitlines()]
    assert steps == ["step", "2", "4", "6"]


def test_all_processes_stop_early_together(both: tuple[list[dict[str, Any]], Path]) -> None:
    assert [found["stopped early"] for found in both[0]] == [(6, True)] * 2


def test_a_batch_that_cannot_be_shared_is_told(both: tuple[list[dict[str, Any]], Path]) -> None:
    assert both[0][1]["indivisible"] == "batch_size=7 cannot be shared by 2 processes: choose a multiple of 2"
    assert not (both[1] / "indivisible").exists()


def test_rows_are_shared_out_in_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three processes, the second: its rows of a batch of 6."""
    torch.manual_seed(0)
    everyone = torch.rand(6)
    monkeypatch.setattr("rtpose.train.distributed._count_and_rank", lambda: (3, 1))
    assert torch.equal(own_rows(torch.arange(12.0).reshape(6, 2)), torch.tensor([[4.0, 5.0], [6.0, 7.0]]))
    torch.manual_seed(0)
    assert torch.equal(rand_rows(torch.zeros(2, 2)), everyone[[2, 3]])


def test_more_processes_than_gpus_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match="--nproc-per-node=2"):
        start_fabric()
