"""Draw docs/reliability.svg: what a joint's confidence means, from what `rtpose eval --footage` prints.

rtpose eval --footage FOOTAGE --network full --network heavy > figures.txt
python scripts/make_reliability_picture.py figures.txt
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

OUT = Path(__file__).parent.parent / "docs" / "reliability.svg"


def read(text: str) -> dict[str, list[tuple[float, float, int]]]:
    """Method -> (mean confidence, share within 100 mm, joints), in the order of the table."""
    table = text[text.index("what a joint's confidence means") :]
    rows: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for name, confidence, share, count in re.findall(r"│ (\S.*?) +│ (\d\.\d+) +│ (\d\.\d+) +│ (\d+) +│", table):
        rows[name].append((float(confidence), float(share), int(count)))
    return rows


def main() -> None:
    """Read, draw."""
    rows = read(Path(sys.argv[1]).read_text(encoding="utf-8"))
    pyplot.rcParams["svg.fonttype"] = "none"  # text stays text: a tenth of the size
    figure, axes = pyplot.subplots(figsize=(4.6, 4.2))
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, label="as it should be")
    for name, points in rows.items():
        confidence, share, count = zip(*points, strict=True)
        (line,) = axes.plot(confidence, share, linewidth=1.5, label=name)
        axes.scatter(confidence, share, s=[n / 40 for n in count], color=line.get_color())
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share of joints within 100 mm of the truth")
    axes.legend(frameon=False)
    figure.savefig(OUT, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
