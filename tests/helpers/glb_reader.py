"""Animated GLB files, read with pygltflib."""

from pathlib import Path

import numpy as np
from pygltflib import GLTF2


class Glb:
    """The moving nodes of a GLB file, read with pygltflib."""

    def __init__(self, path: Path) -> None:
        self.gltf = GLTF2().load(str(path))
        self.blob = self.gltf.binary_blob()
        self.names = [node.name for node in self.gltf.nodes]
        self.parents = {child: n for n, node in enumerate(self.gltf.nodes) for child in node.children or []}
        animation = self.gltf.animations[0]
        self.values: dict[tuple[int, str], np.ndarray] = {}
        for channel in animation.channels:
            sampler = animation.samplers[channel.sampler]
            self.times = self.array(sampler.input)
            self.values[channel.target.node, channel.target.path] = self.array(sampler.output)

    def array(self, index: int) -> np.ndarray:
        accessor = self.gltf.accessors[index]
        view = self.gltf.bufferViews[accessor.bufferView]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor.type]
        dtype = {5126: "<f4", 5123: "<u2", 5121: "u1"}[accessor.componentType]
        values = np.frombuffer(self.blob, dtype, accessor.count * width, view.byteOffset)
        return values.reshape(accessor.count, width).squeeze(-1) if width == 1 else values.reshape(-1, width)

    def matrices(self, node: int) -> np.ndarray:
        """(T, 4, 4) world from node."""
        fields = self.gltf.nodes[node]
        local = np.tile(np.eye(4), (len(self.times), 1, 1))
        local[:, :3, 3] = self.values.get((node, "translation"), fields.translation or [0, 0, 0])
        if (node, "rotation") in self.values:
            x, y, z, w = self.values[node, "rotation"].astype(float).T
            np.testing.assert_allclose(x * x + y * y + z * z + w * w, 1, atol=1e-6)
            local[:, :3, :3] = np.array(
                [
                    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
                ]
            ).transpose(2, 0, 1)
        return self.matrices(self.parents[node]) @ local if node in self.parents else local
