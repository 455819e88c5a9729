"""Lifters: from the 2D joints and evidence of all people in a frame to metric 3D people in camera space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtpose.geometry import DEFAULT_HEIGHT_M
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.networks.weights import lifter_file
from rtpose.types import Lifter

if TYPE_CHECKING:
    from rtpose.networks.pool import NetworkPool


def open_lifter(
    name_or_path: str,
    *,
    height_m: float = DEFAULT_HEIGHT_M,
    options: LoadOptions = DEFAULT_OPTIONS,
    pool: NetworkPool | None = None,
) -> Lifter:
    """Open a shipped lifter by its name, or a trained one by its file.

    height_m: everybody's standing height. options: backend, precision, device and threads. pool: to share the network
    with others; None makes a new one.
    Errors: `ConfigError` for an unknown name or an impossible height; `ModelError` for a file that is damaged, has
    another skeleton or has an unknown version.
    """
    from rtpose.networks.pool import NetworkPool
    from rtpose.pose.lift.fusion import FusionLifter, one_by_one
    from rtpose.pose.lift.lifter import NetworkLifter

    pool = pool or NetworkPool()
    file = lifter_file(name_or_path)
    # The two kinds differ in their inputs. The pool loads each network only once.
    if "features" in pool.load(file, one_by_one(options)).input_shapes:
        return FusionLifter(file, height_m=height_m, options=options, pool=pool)
    return NetworkLifter(name_or_path, height_m=height_m, options=options, pool=pool)
