"""A Ray cluster on this machine, in a process of its own: run as a script, it prints its address and waits."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from command import environment


@contextmanager
def ray_cluster(workers: int) -> Iterator[str]:
    """Address of a cluster with so many processors, which processes started in the block may join."""
    with patch.dict(os.environ, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32)):
        process = subprocess.Popen(
            [sys.executable, __file__, str(workers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment(),
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield next(line.split()[1] for line in process.stdout if line.startswith("address "))
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait(60)


if __name__ == "__main__":
    import ray

    context = ray.init(num_cpus=int(sys.argv[1]), include_dashboard=False, log_to_driver=False, configure_logging=False)
    print("address", context.address_info["gcs_address"], flush=True)
    sys.stdin.read()
    ray.shutdown()
