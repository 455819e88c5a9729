"""A server on loopback, and what clients of all manners do to it."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rtpose.server import protocol
from rtpose.server.server import PoseServer
from rtpose.skeleton import H36M17
from rtpose.types import Camera, Frame, Person3D, Result

HELLO = protocol.hello(
    server_version="1", skeleton=H36M17, sources=[("test", (64, 48))], live=True, estimator="none",
    assumptions=[], server_ns=0,
)  # fmt: skip


@pytest.fixture
def make_server() -> Iterator[Callable[..., PoseServer]]:
    servers = []

    def make(**options: Any) -> PoseServer:
        server = PoseServer(**{"hello": HELLO, "port": 0, **options})
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def make_result() -> Callable[[int], Result]:
    def make(frame_id: int, people: int = 1, source: int = 0) -> Result:
        picture = np.zeros((48, 64, 3), np.uint8)
        frame = Frame(picture, frame_id, t_ns=frame_id, pts_s=frame_id / 30, source=source)
        zeros = np.zeros((17, 3), np.float32)
        person = Person3D(1, np.zeros(4, np.float32), zeros, zeros, np.ones(3, np.float32), zeros[:, 0])
        return Result(frame, Camera(1, 1, 0, 0), (person,) * people, t_done_ns=frame_id + 1)

    return make
