"""The papers' tables as lists of trainings: `rtpose reproduce NAME`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from rtpose.errors import ConfigError
from rtpose.train.cascaded.settings import LossWeights
from rtpose.train.data.readers import human36m, mpi_inf_3dhp
from rtpose.train.data.settings import EXACT, NoiseSettings
from rtpose.train.lifters.settings import SvmacWeights

RENDERED = "rendered people"
HUMAN36M, MPI_INF_3DHP = human36m.INFO.name, mpi_inf_3dhp.INFO.name
_MAPS = ("joints", "bones", "volume", "ordinal")
PERCENT = {"pck_150": "PCK@150", "auc": "AUC", "p_pck_150": "PCK@150, aligned", "p_auc": "AUC, aligned"}
"""Metrics where higher is better. The papers print them in per cent."""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    label: str
    paper: str
    """The paper's figure for it, on the table's `paper_data`."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Settings that differ from the method's defaults."""
    run: str = ""
    """Rows with the same name share a training. Empty: a training of its own."""
    test_input: str = "gt"
    """See `rtpose eval --input`."""
    metric: str = ""
    """Empty: the table's."""
    paper_3dhp: str = ""
    """The paper's figure on MPI-INF-3DHP, if it prints one as well."""
    joints: str = "gt"
    """Source of Human3.6M's 2D joints in training; see `open_data_set`."""
    test_joints: str = "gt"
    trained_on: str = ""
    """Data set for training. Empty: the table's."""
    action: str = ""
    """Action in the test data. Empty: the mean of all poses, or for Human3.6M of the fifteen actions, as in the
    papers."""
    decisive: bool = False
    """The table's claim depends on this row: it is trained with all seeds, other rows of such a table with one."""


@dataclass(frozen=True)
class Table:
    """A table of a paper: trainings of one method, compared by one metric."""

    title: str
    method: str
    metric: str
    """A field of `Evaluation`."""
    paper_metric: str
    rows: tuple[Row, ...]
    paper_data: str = HUMAN36M
    needs: str = ""
    """The data set that the table needs. Empty: any with 3D poses."""


def _on_all_joints(px: float) -> NoiseSettings:
    return msgspec.structs.replace(EXACT, sigma_px=px, on_all_joints=True)


def _ablation(
    label: str, figures: tuple[str, str, str], changes: dict[str, Any], *, decisive: bool = False
) -> tuple[Row, Row]:
    """A line of the consistency paper's Table 5: MPJPE on Human3.6M; 3DPCK and MPJPE on MPI-INF-3DHP."""
    on_human36m, pck, on_3dhp = figures
    return (
        Row(label, on_human36m, changes, label, paper_3dhp=on_3dhp, decisive=decisive),
        Row(f"{label}: 3DPCK in %", "", changes, label, metric="pck_150", paper_3dhp=pck, decisive=decisive),
    )


def _noisy(px: int, trained_and_tested: str, tested_exact: str, only_z: str) -> tuple[Row, ...]:
    """The rows of Table 3 for N(0, px): three from training with noise on all joints, and three with a detector's
    noise, which derived joints follow."""
    rows: list[Row] = []
    for joints, kind, noise, paper in (
        ("all joints, as in the paper", "noise-all", _on_all_joints(px), (trained_and_tested, tested_exact, only_z)),
        ("a detector's joints", "noise", msgspec.structs.replace(EXACT, sigma_px=px), ("", "", "")),
    ):
        changes, run, given = {"noise": noise}, f"{kind}-{px}px", f"{kind}:{px}"
        rows += (
            Row(f"trained and tested with N(0, {px}) on {joints}", paper[0], changes, run, given),
            Row(f"trained with N(0, {px}) on {joints}, tested on exact ones", paper[1], changes, run),
            Row(f"trained and tested with N(0, {px}) on {joints}, only z", paper[2], changes, run, given, "z_mm"),
        )
    return tuple(rows)


def _losses(*kept: str) -> dict[str, Any]:
    """Weights of `cascaded`'s losses on its intermediate maps, zero for those that are not kept."""
    return {"weights": LossWeights(**{name: 0.0 for name in _MAPS if name not in kept})}


def _per_action(gt: str, sh: str) -> tuple[Row, ...]:
    """The two lines of the consistency paper's Tables 1 and 2 as rows: each action, then the mean."""
    return tuple(
        Row(f"{source}, {action or 'mean of the actions'}", paper, {}, source, joints=joints, test_joints=joints,
            action=action)
        for source, joints, figures in (("GT", "gt", gt), ("SH", "sh", sh))
        for action, paper in zip((*human36m.ACTIONS, ""), figures.split(), strict=True)
    )  # fmt: skip


def _on_3dhp(metrics: Sequence[str], on_human36m: Sequence[str], on_3dhp: Sequence[str]) -> tuple[Row, ...]:
    """Rows of SVMAC's Tables 2 and 3: one training on each data set, both tested on MPI-INF-3DHP."""
    return tuple(
        Row(f"trained on {data}: {PERCENT.get(metric, 'P-MPJPE in mm')}", paper, {}, data, metric=metric,
            trained_on=data)
        for data, figures in ((HUMAN36M, on_human36m), (MPI_INF_3DHP, on_3dhp))
        for metric, paper in zip(metrics, figures, strict=True)
    )  # fmt: skip


TABLES: dict[str, Table] = {
    "svmac-table1": Table(
        "SVMAC, Table 1: Human3.6M",
        "svmac",
        "p_mpjpe_mm",
        "P-MPJPE in mm",
        (
            # Table 4 prints 56.8 for the same.
            Row("GT", "56.5", run="gt"),
            Row("SH", "98.3", run="sh", joints="sh", test_joints="sh"),
            Row("SH/GT: trained on SH, tested on GT", "64.8", run="sh", joints="sh"),
        ),
        needs=HUMAN36M,
    ),
    "svmac-table2": Table(
        "SVMAC, Table 2: MPI-INF-3DHP without alignment",
        "svmac",
        "pck_150",
        "PCK and AUC in %",
        _on_3dhp(("pck_150", "auc"), ("64.8", "31.6"), ("66.5", "33.0")),
        paper_data=MPI_INF_3DHP,
        needs=MPI_INF_3DHP,
    ),
    "svmac-table3": Table(
        "SVMAC, Table 3: MPI-INF-3DHP after alignment",
        "svmac",
        "p_pck_150",
        "PCK and AUC in %, P-MPJPE in mm",
        _on_3dhp(("p_pck_150", "p_auc", "p_mpjpe_mm"), ("86.9", "51.7", "80.3"), ("86.6", "53.1", "79.8")),
        paper_data=MPI_INF_3DHP,
        needs=MPI_INF_3DHP,
    ),
    "svmac-table4": Table(
        "SVMAC, Table 4: ablation",
        "svmac",
        "p_mpjpe_mm",
        "P-MPJPE in mm",
        (
            Row("w/o Disc", "90.0", {"discriminator": False}, paper_3dhp="134.2", decisive=True),
            Row(
                "n = 1, as the text says",
                "70.9",
                {"angles": 1, "reprojection_alone": False},
                paper_3dhp="98.7",
                decisive=True,
            ),
            Row("n = 1 with the reprojection", "", {"angles": 1}, decisive=True),
            Row("n = 2", "56.8", paper_3dhp="79.8", decisive=True),
            Row("n = 3", "56.5", {"angles": 3}, paper_3dhp="78.5"),
            Row(
                "n = 2 with 5% 3D Sup",
                "35.4",
                {"supervised_share": 0.05, "weights": SvmacWeights(supervised=30)},
                paper_3dhp="51.0",
            ),
        ),
    ),
    "consistency-table1": Table(
        "2D-3D consistency, Table 1: Human3.6M, protocol 1",
        "consistency",
        "mpjpe_mm",
        "MPJPE in mm",
        _per_action(
            "43.3 52.9 42.5 48.7 45.9 59.8 44.9 45.9 49.5 55.9 44.9 49.6 51.3 43.0 45.9 48.3",
            "62.8 64.8 61.2 66.8 67.6 83.5 62.5 66.0 70.9 90.1 64.3 65.6 73.0 55.1 61.3 67.7",
        ),
        needs=HUMAN36M,
    ),
    "consistency-table2": Table(
        "2D-3D consistency, Table 2: Human3.6M, protocol 2",
        "consistency",
        "p_mpjpe_mm",
        "P-MPJPE in mm",
        _per_action(
            "32.1 36.6 30.1 36.3 31.4 39.6 33.4 31.4 34.5 40.8 33.5 34.8 36.1 30.9 34.7 34.4",
            "48.8 48.4 46.6 52.3 50.9 61.2 48.1 46.3 55.5 71.1 51.0 48.5 54.3 41.9 48.7 51.6",
        ),
        needs=HUMAN36M,
    ),
    "consistency-table3": Table(
        "2D-3D consistency, Table 3: detector noise",
        "consistency",
        "p_mpjpe_mm",
        "P-MPJPE in mm",
        (
            Row("exact joints", "34.4", {}, "exact"),
            *_noisy(5, "52.1", "39.0", "33.3"),
            *_noisy(10, "75.7", "45.8", "40.6"),
            *_noisy(15, "98.8", "50.4", "45.8"),
            *_noisy(20, "120.1", "56.1", "49.4"),
        ),
    ),
    "consistency-table4": Table(
        "2D-3D consistency, Table 4: MPI-INF-3DHP",
        "consistency",
        "mpjpe_mm",
        "PCK in %, MPJPE in mm",
        (Row(PERCENT["pck_150"], "86.0", run="all", metric="pck_150"), Row("MPJPE in mm", "94.9", run="all")),
        paper_data=MPI_INF_3DHP,
        needs=MPI_INF_3DHP,
    ),
    "consistency-table5": Table(
        "2D-3D consistency, Table 5: ablation",
        "consistency",
        "mpjpe_mm",
        "MPJPE in mm",
        (
            *_ablation(
                "Sep + KCS", ("51.6", "84.4", "98.9"), {"synchronous": False, "weighted_kcs": False}, decisive=True
            ),
            *_ablation("Sep + wKCS", ("50.7", "84.8", "98.1"), {"synchronous": False}),
            *_ablation("Syn + KCS", ("49.6", "84.5", "98.2"), {"weighted_kcs": False}),
            *_ablation("Syn + wKCS", ("48.3", "86.0", "94.9"), {}, decisive=True),
        ),
    ),
    # Section 4.1: training both networks together "can effectively reduce the influence of errors in the input".
    "consistency-noise": Table(
        "2D-3D consistency, Table 5's decisive pair with N(0, 10) on all joints",
        "consistency",
        "mpjpe_mm",
        "MPJPE in mm",
        tuple(
            Row(label, "", changes | {"noise": _on_all_joints(10)}, test_input="noise-all:10", decisive=True)
            for label, changes in (
                ("Sep + KCS", {"synchronous": False, "weighted_kcs": False}),
                ("Syn + wKCS", {}),
            )
        ),
    ),
    # Trained by rtpose.train.reproduce.cascaded_table4.
    "cascaded-table4": Table(
        "Cascaded Dimension-Lifting, Table 4: ablation",
        "cascaded",
        "mpjpe_mm",
        "MPJPE in mm",
        (
            # All rows have the full network: losses are removed, not blocks.
            Row("Baseline", "54.1", _losses(), decisive=True),
            Row("w/ JH", "52.0", _losses("joints"), decisive=True),
            Row("w/ BJ", "50.8", _losses("joints", "bones"), decisive=True),
            Row("Full", "48.7", _losses("joints", "bones", "volume", "ordinal"), decisive=True),
        ),
        needs=RENDERED,
    ),
}


def table_named(name: str) -> Table:
    """The table of this name. Errors: `ConfigError` if there is none."""
    if name not in TABLES:
        raise ConfigError(f"no table '{name}': choose one of {', '.join(TABLES)}")
    return TABLES[name]
