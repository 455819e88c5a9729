"""Off-screen drawing with moderngl: one sun-like light with soft shadows, sky light, procedural materials.

Patterns and folds are computed from where a point lies on the surface at rest, so nothing needs a texture
file and any number of different clothes comes from a few numbers. World axes: metres, y up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError
from rtpose.types import Camera, Float32, Image

Colour = tuple[float, float, float]
"""sRGB, 0..1."""

SHADOW_SIZE = 2048
NEAR_M, FAR_M = 0.1, 60.0
MAX_OCCLUDERS = 32


class Pattern(IntEnum):
    """How the two colours of a material are laid out. The numbers are the shader's."""

    PLAIN = 0
    STRIPES = 1
    CHECKS = 2
    PLANKS = 3
    SKIN = 4
    HAIR = 5
    EYE = 6
    DENIM = 7
    PICTURE = 8
    BLOTCHES = 9


@dataclass(frozen=True)
class Material:
    """What a surface looks like."""

    colour: Colour
    second: Colour = (0.0, 0.0, 0.0)
    pattern: Pattern = Pattern.PLAIN
    scale: float = 10.0
    """Repeats of the pattern per metre."""
    gloss: float = 0.1
    """0 matt to 1 wet."""
    folds_m: float = 0.0
    """Depth of cloth folds; only shading, the surface stays."""
    grain: float = 0.1
    """Fine unevenness of the colour, 0..1."""
    anchors: Float32 = field(default_factory=lambda: np.zeros((4, 3), np.float32))
    """(4, 3) metres at rest: places that a pattern needs (skin: eyes, mouth, nose; eye: its centre)."""


@dataclass(frozen=True)
class Mesh:
    """A surface in world space."""

    positions: Float32
    """(N, 3) metres."""
    normals: Float32
    """(N, 3) unit."""
    rest: Float32
    """(N, 3) metres: where each point lies at rest; patterns stick to it."""
    inside: Float32
    """(N,): the surface is drawn where the interpolated value is positive: sleeves, hems and hairlines."""
    mask: Float32
    """(N,) 0..1: blend towards the second colour (skin: lips)."""
    faces: NDArray[np.int32]
    """(F, 3)."""
    material: Material
    casts_shadow: bool = True


@dataclass(frozen=True)
class View:
    """A camera in the world. `camera = camera_from_world @ world + shift` in OpenCV axes."""

    camera: Camera
    size: tuple[int, int]
    """(width, height) px."""
    camera_from_world: NDArray[np.float64]
    """(3, 3)."""
    shift: NDArray[np.float64]
    """(3,) metres."""

    @staticmethod
    def looking(
        camera: Camera,
        size: tuple[int, int],
        eye: NDArray[np.float64],
        target: NDArray[np.float64],
        roll_deg: float = 0.0,
    ) -> View:
        """A camera at `eye` that looks at `target`, level unless rolled."""
        forward = (target - eye) / np.linalg.norm(target - eye)
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        c, s = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
        rotation = np.stack([c * right + s * down, -s * right + c * down, forward])
        return View(camera, size, rotation, -rotation @ eye)

    @property
    def eye(self) -> NDArray[np.float64]:
        """(3,) metres, where the camera is."""
        out: NDArray[np.float64] = -self.camera_from_world.T @ self.shift
        return out

    def to_camera(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 3) world -> camera space."""
        out: NDArray[np.float64] = points @ self.camera_from_world.T + self.shift
        return out

    def clip_from_world(self) -> NDArray[np.float64]:
        """(4, 4) for OpenGL."""
        width, height = self.size
        cam = self.camera
        a, b = (FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
        projection = np.array(
            [
                [2 * cam.fx / width, 0.0, 2 * cam.cx / width - 1.0, 0.0],
                [0.0, -2 * cam.fy / height, 1.0 - 2 * cam.cy / height, 0.0],
                [0.0, 0.0, a, b],
                [0.0, 0.0, 1.0, 0.0],
            ]
        )
        world = np.eye(4)
        world[:3, :3], world[:3, 3] = self.camera_from_world, self.shift
        out: NDArray[np.float64] = projection @ world
        return out


@dataclass(frozen=True)
class Light:
    """One shadow-casting light from far away, and light from everywhere."""

    direction: tuple[float, float, float]
    """Towards the light."""
    colour: Colour = (1.0, 0.95, 0.86)
    power: float = 1.7
    sky: Colour = (0.62, 0.68, 0.78)
    ground: Colour = (0.42, 0.36, 0.30)
    ambient: float = 0.8
    softness: float = 2.5
    """Radius of the shadows' edge in texels of the shadow map (about 3 mm each)."""
    exposure: float = 1.0


_VERTEX = """
#version 330
uniform mat4 clip_from_world, shadow_from_world;
in vec3 position, normal, rest; in float inside, mask;
out vec3 v_position, v_normal, v_rest, v_shadow; out float v_inside, v_mask;
void main() {
    v_position = position; v_normal = normal; v_rest = rest; v_inside = inside; v_mask = mask;
    v_shadow = (shadow_from_world * vec4(position + normal * 0.006, 1.0)).xyz * 0.5 + 0.5;
    gl_Position = clip_from_world * vec4(position, 1.0);
}
"""

_SHADOW_FRAGMENT = """
#version 330
in float v_inside;
void main() { if (v_inside < 0.0) discard; }
"""

_FRAGMENT = """
#version 330
uniform sampler2DShadow shadow_map;
uniform vec3 eye, light_direction, light_colour, sky, ground, colour, second;
uniform vec3 anchors[4];
uniform vec4 occluders[OCCLUDERS];
uniform int pattern, occluder_count;
uniform float scale, gloss, folds, grain, softness, exposure;
in vec3 v_position, v_normal, v_rest, v_shadow; in float v_inside, v_mask;
out vec4 pixel;

float hash(vec3 p) {
    p = fract(p * vec3(0.1031, 0.1030, 0.0973));
    p += dot(p, p.yzx + 33.33);
    return fract((p.x + p.y) * p.z);
}
float noise(vec3 p) {
    vec3 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    vec2 o = vec2(0.0, 1.0);
    return mix(mix(mix(hash(i), hash(i + o.yxx), f.x), mix(hash(i + o.xyx), hash(i + o.yyx), f.x), f.y),
               mix(mix(hash(i + o.xxy), hash(i + o.yxy), f.x),
                   mix(hash(i + o.xyy), hash(i + o.yyy), f.x), f.y), f.z);
}
float layers(vec3 p) { return 0.5 * noise(p) + 0.3 * noise(p * 2.1 + 7.0) + 0.2 * noise(p * 4.3 + 13.0); }
float band(float x, float share) {  // 1 within `share` of each unit, with an edge of one pixel
    float w = max(fwidth(x), 1e-4), f = fract(x);
    return clamp((smoothstep(0.0, w, f) - smoothstep(share, share + w, f)), 0.0, 1.0);
}

vec3 albedo() {
    vec3 p = v_rest;
    float speckle = 1.0 + grain * (layers(p * 60.0) - 0.5) * 2.0;
    if (pattern == 1) return mix(colour, second, band(p.y * scale, 0.4)) * speckle;
    if (pattern == 2) {
        float a = band(p.x * scale, 0.45), b = band(p.y * scale, 0.45);
        return mix(colour, second, 0.5 * (a + b)) * speckle;
    }
    if (pattern == 3) {  // planks along z, or bricks on a wall
        float row = floor(p.x * scale);
        float along = p.z * scale * 0.12 + 0.37 * row;
        float tone = hash(vec3(row, floor(along), 3.0));
        float wood = layers(vec3(p.x * 40.0, p.y * 40.0, p.z * 3.0) + tone * 20.0);
        float gap = band(p.x * scale + 0.02, 0.04) + band(along + 0.003, 0.006);
        vec3 plank = mix(colour, second, 0.6 * tone + 0.5 * (wood - 0.4)) * speckle;
        return plank * (1.0 - 0.45 * clamp(gap, 0.0, 1.0));
    }
    if (pattern == 4) {
        vec3 skin = colour * (1.0 + 0.12 * (layers(p * 9.0) - 0.5)) * speckle;
        float cheeks = exp(-pow((abs(p.x) - 0.042) / 0.022, 2.0) - pow((p.y - anchors[3].y) / 0.02, 2.0)) *
            smoothstep(-0.03, 0.03, p.z - anchors[0].z + 0.01);
        skin = mix(skin, skin * vec3(1.08, 0.80, 0.76), 0.55 * cheeks);
        float front = smoothstep(-0.03, 0.0, p.z - anchors[0].z + 0.005);
        for (int k = 0; k < 2; k++) {  // brows and lash lines
            vec2 d = p.xy - anchors[k].xy;
            d.x *= sign(anchors[k].x);
            float arch = 0.020 + 0.12 * (d.x + 0.010) - 5.0 * d.x * d.x;
            float brow = smoothstep(0.0055, 0.0025, abs(d.y - arch));
            brow *= smoothstep(0.021, 0.014, abs(d.x - 0.001));
            skin = mix(skin, second * 0.25, 0.85 * brow * front);
            float socket = exp(-dot(d, d) / (0.019 * 0.019));
            skin = mix(skin, skin * 0.62, 0.6 * socket * front);
        }
        return mix(skin, skin * vec3(1.0, 0.52, 0.50), 0.8 * v_mask);
    }
    if (pattern == 5) return mix(colour, second, layers(vec3(p.x * 160.0, p.y * 14.0, p.z * 60.0))) * speckle;
    if (pattern == 6) {
        vec3 d = normalize(p - anchors[0]);
        float r = acos(clamp(d.z, -1.0, 1.0));
        vec3 white = vec3(0.86, 0.84, 0.82);
        return mix(mix(vec3(0.01), colour, smoothstep(0.20, 0.24, r)), white, smoothstep(0.46, 0.52, r));
    }
    if (pattern == 7) {
        float fade = layers(p * vec3(7.0, 3.0, 7.0));
        float twill = 0.5 + 0.5 * sin(dot(p, vec3(900.0, 1300.0, 400.0)));
        return mix(colour, second, clamp(0.55 * fade + 0.10 * twill, 0.0, 1.0)) * speckle;
    }
    if (pattern == 8) {
        float a = layers(p * scale), b = layers(p.zxy * scale * 0.7 + 5.0);
        vec3 paint = mix(colour, second, smoothstep(0.35, 0.6, a));
        return mix(paint, vec3(0.75, 0.68, 0.55), smoothstep(0.5, 0.62, b));
    }
    if (pattern == 9) return mix(colour, second, smoothstep(0.42, 0.58, layers(p * scale))) * speckle;
    return colour * speckle;
}

// Height of folds (metres): long soft ones along the limb, bunched short ones.
float fold_height() {
    vec3 p = v_rest;
    float bend = layers(p * vec3(5.0, 4.0, 5.0)) * 2.5;
    float a = layers(vec3(p.x * 13.0 + bend, p.y * 7.0 + bend, p.z * 13.0));
    float b = layers(p * vec3(18.0, 34.0, 18.0) + bend);
    return folds * (a * 1.6 + b * 0.5);
}
vec3 bumped(vec3 n) {  // bump mapping without texture coordinates: surface gradient by screen derivatives
    float h = fold_height();
    vec3 dx = dFdx(v_position), dy = dFdy(v_position);
    vec3 r1 = cross(dy, n), r2 = cross(n, dx);
    float det = dot(dx, r1);
    vec3 gradient = sign(det) * (dFdx(h) * r1 + dFdy(h) * r2);
    return normalize(abs(det) * n - gradient);
}

void main() {
    if (v_inside < 0.0) discard;
    vec3 n = normalize(v_normal), to_eye = normalize(eye - v_position);
    if (!gl_FrontFacing) n = -n;
    if (folds > 0.0) n = bumped(n);

    float lit = 0.0, turn = 6.2832 * hash(vec3(gl_FragCoord.xy, 1.0));
    float texel = softness / float(SHADOW_TEXELS);
    for (int k = 0; k < 16; k++) {  // a spiral, turned at random for each pixel: soft edges without bands
        float r = sqrt((float(k) + 0.5) / 16.0), t = 2.39996 * float(k) + turn;
        lit += texture(shadow_map, vec3(v_shadow.xy + texel * r * vec2(cos(t), sin(t)), v_shadow.z - 0.0006));
    }
    float facing = dot(n, light_direction);
    lit *= max(facing, 0.0) / 16.0;

    float open = 1.0;  // how much of the sky people and furniture leave free, taken as spheres
    for (int k = 0; k < occluder_count; k++) {
        vec3 d = occluders[k].xyz - v_position;
        float l2 = max(dot(d, d), occluders[k].w * occluders[k].w);
        float near = occluders[k].w * occluders[k].w / l2;
        open *= 1.0 - 0.75 * near * clamp(dot(n, d) * inversesqrt(l2) * 0.9 + 0.1, 0.0, 1.0);
    }
    vec3 base = pow(max(albedo(), vec3(0.0)), vec3(2.2));
    vec3 light = light_colour * lit + open * mix(ground, sky, 0.5 + 0.5 * n.y) +
        open * 0.18 * sky * max(dot(n, to_eye), 0.0);
    if (pattern == 4) light += light_colour * vec3(0.20, 0.06, 0.03) * exp(-8.0 * facing * facing) * 0.5;
    vec3 half_way = normalize(to_eye + light_direction);
    float shine = gloss * pow(max(dot(n, half_way), 0.0), mix(8.0, 90.0, gloss)) * lit * 1.5;
    float rim = gloss * 0.35 * pow(1.0 - max(dot(n, to_eye), 0.0), 4.0) * open;
    vec3 c = (base * light + light_colour * shine + sky * rim) * exposure;
    c = c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14);  // filmic curve (Narkowicz 2015)
    pixel = vec4(pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
}
""".replace("OCCLUDERS", str(MAX_OCCLUDERS)).replace("SHADOW_TEXELS", str(SHADOW_SIZE))


def vertex_normals(positions: Float32, faces: NDArray[np.int32]) -> Float32:
    """(N, 3) unit: mean of the adjoining triangles, by area."""
    corners = positions[faces]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    out = np.stack(
        [
            np.bincount(faces.ravel(), np.repeat(face_normals[:, axis], 3), minlength=len(positions))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    return np.asarray(out / length, np.float32)


class Renderer:
    """Draws meshes to pictures of one size. Holds an OpenGL context: use `with`, from one thread."""

    def __init__(self, size: tuple[int, int], supersample: int = 2) -> None:
        """size: (width, height) px. supersample: drawn that many times larger and averaged: smooth edges."""
        try:
            import moderngl
        except ImportError as error:
            raise ConfigError('rendered people need the extra: pip install "rtpose[synth]"') from error
        self.size = size
        self._large = (size[0] * supersample, size[1] * supersample)
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
        self._program = ctx.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        self._shadow_program = ctx.program(vertex_shader=_VERTEX, fragment_shader=_SHADOW_FRAGMENT)
        self._shadow_map = ctx.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow_map.compare_func = "<="
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow_target = ctx.framebuffer(depth_attachment=self._shadow_map)
        self._target = ctx.framebuffer(
            color_attachments=[ctx.renderbuffer(self._large, components=3)],
            depth_attachment=ctx.depth_renderbuffer(self._large),
        )
        ctx.enable(moderngl.DEPTH_TEST)

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the context."""
        if self._ctx is not None:
            self._ctx.release()
            self._ctx = None

    def render(
        self,
        meshes: list[Mesh],
        view: View,
        light: Light,
        occluders: Float32,
        focus: NDArray[np.float64],
        reach_m: float = 3.0,
    ) -> Image:
        """One picture, (H, W, 3) uint8 RGB.

        occluders: (K, 4) centre and radius of spheres that keep light from the sky away.
        focus: (3,) metres; shadows are drawn within `reach_m` of it.
        """
        direction = np.asarray(light.direction) / np.linalg.norm(light.direction)
        shadow = _shadow_matrix(direction, focus, reach_m)
        buffers = [self._upload(mesh) for mesh in meshes]
        try:
            self._draw_shadows(meshes, buffers, shadow)
            self._set_scene(view, light, direction, shadow, occluders)
            self._target.use()
            self._target.clear(*light.sky, 1.0)
            for mesh, (_, arrays) in zip(meshes, buffers, strict=True):
                self._set_material(mesh.material)
                arrays[0].render()
        finally:
            for owned, arrays in buffers:
                for thing in (*arrays, *owned):
                    thing.release()
        width, height = self._large
        raw = np.frombuffer(self._target.read(components=3, alignment=1), np.uint8)
        picture = np.flipud(raw.reshape(height, width, 3))
        return np.asarray(cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA), np.uint8)

    def _upload(self, mesh: Mesh) -> tuple[list[Any], list[Any]]:
        data = np.concatenate(
            [mesh.positions, mesh.normals, mesh.rest, mesh.inside[:, None], mesh.mask[:, None]], axis=1
        ).astype("f4")
        vertices = self._ctx.buffer(data.tobytes())
        indices = self._ctx.buffer(mesh.faces.astype("i4").tobytes())
        names = {"position": 3, "normal": 3, "rest": 3, "inside": 1, "mask": 1}
        arrays = []
        for program in (self._program, self._shadow_program):
            parts = [f"{n}f" if name in program else f"{n}x4" for name, n in names.items()]
            used = [name for name in names if name in program]
            arrays.append(self._ctx.vertex_array(program, [(vertices, " ".join(parts), *used)], indices))
        return [vertices, indices], arrays

    def _draw_shadows(self, meshes: list[Mesh], buffers: list[Any], shadow: NDArray[np.float64]) -> None:
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        _set(self._shadow_program, "clip_from_world", shadow)
        for mesh, (_, arrays) in zip(meshes, buffers, strict=True):
            if mesh.casts_shadow:
                arrays[1].render()

    def _set_scene(
        self,
        view: View,
        light: Light,
        direction: NDArray[np.float64],
        shadow: NDArray[np.float64],
        occluders: Float32,
    ) -> None:
        program = self._program
        _set(program, "clip_from_world", view.clip_from_world())
        _set(program, "shadow_from_world", shadow)
        for name, value in {
            "eye": view.eye, "light_direction": direction,
            "light_colour": np.asarray(light.colour) * light.power,
            "sky": np.asarray(light.sky) * light.ambient, "ground": np.asarray(light.ground) * light.ambient,
        }.items():  # fmt: skip
            program[name].value = tuple(float(x) for x in value)
        kept = np.zeros((MAX_OCCLUDERS, 4), "f4")
        count = min(len(occluders), MAX_OCCLUDERS)
        kept[:count] = occluders[:count]
        program["occluders"].write(kept.tobytes())
        program["occluder_count"].value = count
        program["softness"].value = light.softness
        program["exposure"].value = light.exposure
        program["shadow_map"].value = 0
        self._shadow_map.use(0)

    def _set_material(self, material: Material) -> None:
        program = self._program
        program["colour"].value = material.colour
        program["second"].value = material.second
        program["pattern"].value = int(material.pattern)
        program["scale"].value = material.scale
        program["gloss"].value = material.gloss
        program["folds"].value = material.folds_m
        program["grain"].value = material.grain
        program["anchors"].write(material.anchors.astype("f4").tobytes())


def _set(program: Any, name: str, matrix: NDArray[np.float64]) -> None:
    program[name].write(matrix.T.astype("f4").tobytes())  # OpenGL stores columns


def _shadow_matrix(direction: NDArray[np.float64], focus: NDArray[np.float64], reach_m: float) -> NDArray[np.float64]:
    """(4, 4) world -> the light's clip space: a box of 2 `reach_m` around `focus`."""
    side = np.cross([0.0, 1.0, 0.0], direction)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(direction, side), -direction])
    out = np.eye(4)
    out[:3, :3] = axes / np.array([[reach_m], [reach_m], [2 * reach_m]])
    out[:3, 3] = -out[:3, :3] @ focus
    return out
