"""How fast `cascaded` is at the paper's size (256 x 256, 64^3, ResNet-50), and how close to this machine's limit.

    python scripts/bench_cascaded_full.py [--rounds N] [--threads N]

No weights of that size are shipped, and the time does not depend on them: they are random, and INT8's ranges come from
noise. The ways to run it alternate, one picture at a time. Needs the extras 'train', 'onnx' and 'int8'.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
import openvino as ov
import torch
from rich.console import Console
from rich.table import Table

from rtpose.bench.roofline import count_work, matrix_gflops
from rtpose.config import load_settings
from rtpose.engine_build.int8 import quantise
from rtpose.networks.backends import load_backend
from rtpose.networks.backends.openvino import read_network
from rtpose.networks.options import LoadOptions
from rtpose.train.cascaded.loop import build_cascaded
from rtpose.train.cascaded.settings import CascadedSettings
from rtpose.train.export import export_network

CONFIG = Path(__file__).parents[1] / "configs" / "train" / "cascaded.yaml"
WAYS = (
    ("openvino", "fp32"),
    ("openvino", "int8"),
    ("openvino", "bf16"),
    ("onnxruntime", "fp32"),
    ("torch", "fp32"),
)
CALIBRATION_PICTURES = 8


def main() -> None:
    """Build, run alternately, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rtpose-bench-", ignore_cleanup_errors=True) as name:
        plain, quantised = make_files(Path(name))
        flop, _ = count_work(plain)
        limit = matrix_gflops(options.threads)
        backends = {
            way: load_backend(quantised if way[1] == "int8" else plain, LoadOptions(*way, threads=options.threads))
            for way in WAYS
        }
        image = {"image": np.random.default_rng(0).normal(size=(1, 3, 256, 256)).astype(np.float32)}
        times_s: dict[tuple[str, str], list[float]] = {way: [] for way in WAYS}
        for turn in range(options.rounds + 1):
            for way, backend in backends.items():
                begin = time.perf_counter()
                backend.run(image)
                if turn > 0:  # the first is a warm-up
                    times_s[way].append(time.perf_counter() - begin)
    fp32_s = median(times_s[WAYS[0]])
    table = Table("backend", "precision", "median ms", "times as fast", "of the matrix product's rate")
    for way, seconds in times_s.items():
        middle = median(seconds)
        share = f"{flop / middle / 1e9 / limit:.0%}" if way[1] == "fp32" else "–"
        table.add_row(*way, f"{1000 * middle:.1f}", f"{fp32_s / middle:.2f}", share)
    Console(width=100).print(table)
    print(f"{flop / 1e9:.1f} GFLOP a picture; float32 matrix product {limit:.0f} GFLOP/s")


def make_files(folder: Path) -> tuple[Path, Path]:
    """The network as ONNX, and quantised."""
    settings = load_settings(CascadedSettings, CONFIG, [])
    torch.manual_seed(0)
    size = settings.network.input_px
    plain, quantised = folder / "cascaded.onnx", folder / "cascaded.xml"
    facts = {"name": "cascaded", "architecture": {"network": "cascaded", **msgspec.to_builtins(settings.network)}}
    export_network(
        build_cascaded(settings),
        {"image": torch.zeros(2, 3, size, size)},
        ("joints", "pose", "confidence"),
        facts,
        plain,
    )
    rng = np.random.default_rng(1)
    noise = [{"image": rng.normal(size=(1, 3, size, size)).astype(np.float32)} for _ in range(CALIBRATION_PICTURES)]
    ov.save_model(quantise(read_network(plain), noise), quantised)
    return plain, quantised


if __name__ == "__main__":
    main()
