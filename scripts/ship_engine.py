"""Ship an INT8 engine that was built and accepted here, so that `--precision int8` works without the extra 'int8'.

    rtpose export --recipe pose_landmark_full-int8 --clips CLIP …
    python scripts/ship_engine.py pose_landmark_full-int8

Copies it to rtpose/networks/weights/engines/, with its remaining floating point weights in 16 bits to halve the file.
"""

from __future__ import annotations

import argparse
import json
import sys

import openvino as ov

from rtpose.networks.engines import SHIPPED_FOLDER, key_of
from rtpose.networks.recipes import load_recipe


def main() -> None:
    """Parse, copy, print the size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    name, recipe = load_recipe(parser.parse_args().recipe)
    key = key_of(recipe.source(), recipe.backend, recipe.device, recipe.precision)
    report = key.report()
    if report is None or not report["accepted"]:
        sys.exit(f"{name}: build it first with `rtpose export --recipe {name}`; only accepted engines are shipped")
    SHIPPED_FOLDER.mkdir(exist_ok=True)
    file = SHIPPED_FOLDER / f"{key.network}-{key.precision}.xml"
    ov.save_model(ov.Core().read_model(key.file), file, compress_to_fp16=True)
    kept = {field: report[field] for field in ("format", "sha256", "rtpose", "calibrated_on", "reason", "figures")}
    file.with_suffix(".json").write_text(json.dumps({**kept, "built_with": f"openvino {key.version}"}, indent=2) + "\n")
    for part in (file, file.with_suffix(".bin")):
        print(f"{part.name}: {part.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
