"""Off-screen drawing with moderngl: one sun-like light with soft shadows, sky light, procedural materials.

Patterns and folds are computed from a point's place on the surface at rest: no texture files, and a few numbers give
any number of different clothes. World axes: metres, y up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from types import TracebackType
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError, MissingExtraError
from rtpose.train.synth.surfaces import Material, PlacedSurface, Surface
from rtpose.train.synth.uniform_blocks import (
    BONES_BYTES,
    LOOK_BYTES,
    MAX_BONES,
    MAX_OCCLUDERS,
    SCENE_BYTES,
    bones_bytes,
    look_bytes,
    scene_bytes,
    shadow_matrix,
)
from rtpose.train.synth.view import FAR_M, NEAR_M, Light, PlacedCamera
from rtpose.types import Float32, Image

MAX_LOADED = 1024
"""Surfaces kept in the GPU's memory."""


@dataclass(frozen=True)
class Quality:
    """Quality settings. The defaults are for pictures that people look at."""

    supersample: int = 2
    """Supersampling: drawn this many times larger and averaged."""
    shadow_size: int = 2048
    shadow_taps: int = 16
    octaves: int = 3
    """Layers of noise in the materials, 1..3."""

    @staticmethod
    def quick() -> Quality:
        """For hundreds of thousands of small pictures."""
        return Quality(supersample=1, shadow_size=512, shadow_taps=4, octaves=2)


@dataclass(frozen=True)
class Rendered:
    """A picture and its depth map."""

    image: Image
    """(H, W, 3) uint8 RGB."""
    depth_m: Float32
    """(H, W) metres along the camera's axis; `FAR_M` where nothing is."""


class Renderer:
    """Draws meshes to pictures up to some size. Holds an OpenGL context: use `with`, from one thread."""

    def __init__(self, size: tuple[int, int], quality: Quality | None = None) -> None:
        """size: (width, height) px of the largest picture.

        Errors: `ConfigError` without OpenGL 3.3, `MissingExtraError` without moderngl.
        """
        try:
            import moderngl
        except ImportError as error:
            raise MissingExtraError("synth", "rendering people") from error
        self.size = size
        self._quality = quality = quality or Quality()
        large = (size[0] * quality.supersample, size[1] * quality.supersample)
        self._ctx: Any = None
        reasons = []
        offscreen: dict[str, Any] = {"backend": "egl"}
        for options in (offscreen, {}):  # without a display first, then the system's usual way
            try:
                self._ctx = moderngl.create_context(standalone=True, require=330, **options)
                break
            except Exception as error:  # moderngl raises plain Exceptions
                reasons.append(str(error))
        if self._ctx is None:
            raise ConfigError(f"no OpenGL 3.3: install a driver (Mesa does on any machine): {'; '.join(reasons)}")
        ctx = self._ctx
        self._moderngl = moderngl
        self._programs: dict[tuple[int, bool], Any] = {}
        self._shadow_program = self._program("shadow.frag.glsl", {"SHADOW": 1})
        shadow_size = (quality.shadow_size, quality.shadow_size)
        self._shadow_map = ctx.depth_texture(shadow_size)
        self._shadow_map.compare_func = "<="
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow_target = ctx.framebuffer(depth_attachment=self._shadow_map)
        self._target = ctx.framebuffer(
            color_attachments=[ctx.renderbuffer(large, components=3)],
            depth_attachment=ctx.depth_renderbuffer(large),
        )
        self._scene = ctx.buffer(reserve=SCENE_BYTES)
        self._blocks = ctx.buffer(reserve=1 << 18)
        self._backdrop_program = ctx.program(
            vertex_shader="#version 330\n" + _shader("backdrop.vert.glsl"),
            fragment_shader="#version 330\n" + _shader("backdrop.frag.glsl"),
        )
        corners = ctx.buffer(np.array([-1, -1, 3, -1, -1, 3], "f4").tobytes())
        self._backdrop_array = ctx.vertex_array(self._backdrop_program, [(corners, "2f", "corner")])
        self._loaded: dict[Surface, _LoadedSurface] = {}

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the context."""
        if self._ctx is not None:
            self._loaded.clear()
            self._ctx.release()
            self._ctx = None

    def render(
        self,
        things: Sequence[PlacedSurface],
        view: PlacedCamera,
        light: Light,
        occluders: Float32,
        focus: NDArray[np.float64],
        reach_m: float = 3.0,
        backdrop: Image | None = None,
    ) -> Rendered:
        """One picture, of the view's size. Draw large occluders first: what they hide is not computed.

        occluders: (K, 4) centre and radius of spheres that keep light from the sky away.
        focus: (3,) metres; shadows are drawn within `reach_m` of it.
        backdrop: (h, w, 3) uint8 RGB, stretched over the picture behind everything; None: the sky's colour.
        """
        if view.size[0] > self.size[0] or view.size[1] > self.size[1]:
            raise ConfigError(f"a picture of {view.size} px: this renderer draws at most {self.size}")
        with self._ctx:  # another renderer's context may be the current one
            return self._render(things, view, light, occluders, focus, reach_m, backdrop)

    def _render(
        self,
        things: Sequence[PlacedSurface],
        view: PlacedCamera,
        light: Light,
        occluders: Float32,
        focus: NDArray[np.float64],
        reach_m: float,
        backdrop: Image | None,
    ) -> Rendered:
        direction = np.asarray(light.direction) / np.linalg.norm(light.direction)
        shadow = shadow_matrix(direction, focus, reach_m)
        loaded = [self._load(thing.mesh) for thing in things]
        self._forget({thing.mesh for thing in things})
        self._scene.write(scene_bytes(view, light, direction, shadow, occluders))
        self._scene.bind_to_uniform_block(0)
        at = self._write_blocks(things)
        self._ctx.enable(self._moderngl.DEPTH_TEST)
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        for thing, mesh, (bones, _) in zip(things, loaded, at, strict=True):
            if thing.mesh.casts_shadow:
                self._blocks.bind_to_uniform_block(1, bones, BONES_BYTES)
                mesh.draw(self._shadow_program)
        step = self._quality.supersample
        width, height = view.size[0] * step, view.size[1] * step
        self._target.viewport = self._target.scissor = (0, 0, width, height)
        self._target.use()
        self._target.clear(*light.sky, 1.0)
        self._shadow_map.use(0)
        for thing, mesh, (bones, look) in zip(things, loaded, at, strict=True):
            self._blocks.bind_to_uniform_block(1, bones, BONES_BYTES)
            self._blocks.bind_to_uniform_block(2, look, LOOK_BYTES)
            mesh.draw(self._program_of(thing.material or thing.mesh.material))
        depth = self._read_depth(width, height)
        if backdrop is not None:
            self._draw_backdrop(backdrop)
        raw = np.frombuffer(self._target.read((width, height), components=3, alignment=1), np.uint8)
        picture = np.flipud(raw.reshape(height, width, 3))
        if step > 1:
            picture = cv2.resize(picture, view.size, interpolation=cv2.INTER_AREA)
        return Rendered(np.ascontiguousarray(picture), depth)

    def _read_depth(self, width: int, height: int) -> Float32:
        data = self._target.read((width, height), components=1, attachment=-1, dtype="f4", alignment=1)
        raw = np.frombuffer(data, np.float32)
        step = self._quality.supersample
        window = np.flipud(raw.reshape(height, width))[::step, ::step]
        return np.asarray(FAR_M * NEAR_M / (FAR_M - window * (FAR_M - NEAR_M)), np.float32)

    def _draw_backdrop(self, backdrop: Image) -> None:
        height, width = backdrop.shape[:2]
        texture = self._ctx.texture((width, height), 3, np.ascontiguousarray(backdrop).tobytes(), alignment=1)
        texture.repeat_x = texture.repeat_y = False
        texture.use(0)
        # At the farthest depth, which passes only where nothing was drawn.
        self._backdrop_array.render()
        texture.release()

    def _program(self, fragment: str, defines: dict[str, int]) -> Any:
        head = "".join(f"#define {name} {value}\n" for name, value in defines.items())
        blocks = _shader("blocks.glsl").replace("OCCLUDERS", str(MAX_OCCLUDERS)).replace("ROWS", str(3 * MAX_BONES))
        head = "#version 330\n" + head + blocks
        program = self._ctx.program(
            vertex_shader=head + _shader("surface.vert.glsl"), fragment_shader=head + _shader(fragment)
        )
        for binding, name in enumerate(("Scene", "Bones", "Look")):
            if name in program:
                program[name].binding = binding
        return program

    def _program_of(self, material: Material) -> Any:
        """Compiled for one pattern: a software renderer computes every branch of a shader."""
        key = (int(material.pattern), material.folds_m > 0)
        if key not in self._programs:
            q = self._quality
            defines = {"PATTERN": key[0], "TAPS": q.shadow_taps, "OCTAVES": q.octaves} | (
                {"FOLDS": 1} if key[1] else {}
            )
            self._programs[key] = self._program("surface.frag.glsl", defines)
        return self._programs[key]

    def _write_blocks(self, things: Sequence[PlacedSurface]) -> list[tuple[int, int]]:
        """Where each object's bones and look begin in one buffer, which is written once: a write between two draws
        would make a software renderer finish the first.
        """
        parts: list[bytes] = []
        end = 0

        def add(data: bytes, size: int) -> int:
            nonlocal end
            parts.append(data.ljust(size, b"\0"))
            end += size
            return end - size

        of_matrices = {id(None): add(bones_bytes(np.eye(3, 4, dtype=np.float32)[None]), BONES_BYTES)}
        at = []
        for thing in things:
            if id(thing.matrices) not in of_matrices and thing.matrices is not None:
                of_matrices[id(thing.matrices)] = add(bones_bytes(thing.matrices), BONES_BYTES)
            look = look_bytes(thing)
            at.append((of_matrices[id(thing.matrices)], add(look, LOOK_BYTES)))
        data = b"".join(parts)
        if len(data) > self._blocks.size:
            self._blocks.orphan(2 * len(data))
        self._blocks.write(data)
        return at

    def _load(self, mesh: Surface) -> _LoadedSurface:
        if mesh in self._loaded:
            self._loaded[mesh] = self._loaded.pop(mesh)  # the most recently used is last
            return self._loaded[mesh]
        count = len(mesh.positions)
        bones, weights = mesh.bones, mesh.weights
        if bones is None or weights is None:
            bones, weights = np.zeros((count, 8), np.uint8), np.eye(1, 8, dtype=np.float32).repeat(count, 0)
        data = np.concatenate(
            [mesh.positions, mesh.normals, mesh.inside[:, None], mesh.mask[:, None], bones, weights], axis=1
        ).astype("f4")
        vertices, indices = self._ctx.buffer(data.tobytes()), self._ctx.buffer(mesh.faces.astype("i4").tobytes())
        self._loaded[mesh] = _LoadedSurface(self._ctx, vertices, indices)
        return self._loaded[mesh]

    def _forget(self, needed: set[Surface]) -> None:
        """Release the least recently used meshes, except those that this picture needs."""
        for mesh in list(self._loaded)[: max(0, len(self._loaded) - MAX_LOADED)]:
            if mesh not in needed:
                self._loaded.pop(mesh).release()


class _LoadedSurface:
    """A mesh uploaded to the renderer."""

    _PARTS: ClassVar = {
        "position": 3, "normal": 3, "inside": 1, "mask": 1, "bones_a": 4, "bones_b": 4, "weights_a": 4, "weights_b": 4,
    }  # fmt: skip

    def __init__(self, ctx: Any, vertices: Any, indices: Any) -> None:
        self._ctx, self._vertices, self._indices = ctx, vertices, indices
        self._arrays: dict[Any, Any] = {}

    def draw(self, program: Any) -> None:
        if program not in self._arrays:
            parts = [f"{n}f" if name in program else f"{n}x4" for name, n in self._PARTS.items()]
            used = [name for name in self._PARTS if name in program]
            content = [(self._vertices, " ".join(parts), *used)]
            self._arrays[program] = self._ctx.vertex_array(program, content, self._indices)
        self._arrays[program].render()

    def release(self) -> None:
        for thing in (*self._arrays.values(), self._vertices, self._indices):
            thing.release()


def _shader(name: str) -> str:
    return resources.files("rtpose.train.synth").joinpath("shaders", name).read_text(encoding="utf-8")
