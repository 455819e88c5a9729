"""Off-screen drawing with moderngl: one sun-like light with soft shadows, sky light, procedural materials.

Patterns and folds are computed from where a point lies on the surface at rest, so nothing needs a texture
file and any number of different clothes comes from a few numbers. World axes: metres, y up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import TracebackType
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError, MissingExtraError
from rtpose.types import Camera, Float32, Image

Colour = tuple[float, float, float]
"""sRGB, 0..1."""

NEAR_M, FAR_M = 0.1, 60.0
MAX_OCCLUDERS = 32
MAX_BONES = 32
_BONES_BYTES, _LOOK_BYTES = 1536, 256  # multiples of the 256 bytes at which every driver lets a block begin
MAX_LOADED = 1024  # meshes kept on the GPU's side


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


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface at rest. The renderer keeps what it has uploaded, so one mesh is cheap to draw many times."""

    positions: Float32
    """(N, 3) metres; patterns stick to them."""
    normals: Float32
    """(N, 3) unit."""
    inside: Float32
    """(N,): the surface is drawn where the interpolated value is positive: sleeves, hems and hairlines."""
    mask: Float32
    """(N,) 0..1: blend towards the second colour (skin: lips)."""
    faces: NDArray[np.int32]
    """(F, 3)."""
    material: Material
    casts_shadow: bool = True
    bones: NDArray[np.uint8] | None = None
    """(N, 8) which bones move each point; None: it stands still."""
    weights: Float32 | None = None
    """(N, 8) how much, adding up to 1."""


@dataclass(frozen=True)
class Thing:
    """A mesh where it stands."""

    mesh: Mesh
    matrices: Float32 | None = None
    """(B, 3, 4) world from rest for each bone, at most 32; None: the rest is the world."""
    material: Material | None = None
    """Instead of the mesh's own. Anchors stay the mesh's."""
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Size of the rest as patterns see it: for unit shapes that the matrices scale."""


@dataclass(frozen=True)
class Quality:
    """What a picture may cost. The defaults are for pictures that people look at."""

    supersample: int = 2
    """Drawn that many times larger and averaged."""
    shadow_size: int = 2048
    shadow_taps: int = 16
    octaves: int = 3
    """Layers of noise in the materials, 1..3."""

    @staticmethod
    def quick() -> Quality:
        """For pictures of a few hundred pixels by the hundred thousand."""
        return Quality(supersample=1, shadow_size=512, shadow_taps=4, octaves=2)


@dataclass(frozen=True)
class Rendered:
    """A picture and how far away everything in it is."""

    image: Image
    """(H, W, 3) uint8 RGB."""
    depth_m: Float32
    """(H, W) metres along the camera's axis; `FAR_M` where nothing is."""


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
    """Radius of the shadows' edge in 1/2048 of the lit region (about 3 mm each)."""
    exposure: float = 1.0


_SCENE = """
layout(std140) uniform Scene {
    mat4 clip_from_world, shadow_from_world;
    vec4 eye, light_direction, light_colour, sky, ground, settings;  // settings: softness, exposure, occluder count
    vec4 occluders[OCCLUDERS];
};
layout(std140) uniform Bones { vec4 rows[ROWS]; };
layout(std140) uniform Look { vec4 colour_scale, second_gloss, folds_grain, stretch, anchors[4]; };
"""

_VERTEX = """
in vec3 position, normal; in float inside, mask; in vec4 bones_a, bones_b, weights_a, weights_b;
out vec3 v_position, v_normal, v_rest, v_shadow; out float v_inside, v_mask;
void main() {
    vec4 a = vec4(0.0), b = vec4(0.0), c = vec4(0.0);
    for (int k = 0; k < 8; k++) {
        int row = 3 * int(k < 4 ? bones_a[k] : bones_b[k - 4]);
        float weight = k < 4 ? weights_a[k] : weights_b[k - 4];
        a += weight * rows[row]; b += weight * rows[row + 1]; c += weight * rows[row + 2];
    }
    vec4 p = vec4(position, 1.0);
    v_position = vec3(dot(a, p), dot(b, p), dot(c, p));
    v_normal = normalize(vec3(dot(a.xyz, normal), dot(b.xyz, normal), dot(c.xyz, normal)));
    v_rest = position * stretch.xyz; v_inside = inside; v_mask = mask;
#ifdef SHADOW
    gl_Position = shadow_from_world * vec4(v_position, 1.0);
#else
    v_shadow = (shadow_from_world * vec4(v_position + v_normal * 0.006, 1.0)).xyz * 0.5 + 0.5;
    gl_Position = clip_from_world * vec4(v_position, 1.0);
#endif
}
"""

_SHADOW_FRAGMENT = """
in float v_inside;
void main() { if (v_inside < 0.0) discard; }
"""

_BACKDROP_VERTEX = """
in vec2 corner; out vec2 at;
void main() { at = vec2(0.5 + 0.5 * corner.x, 0.5 - 0.5 * corner.y); gl_Position = vec4(corner, 0.999999, 1.0); }
"""

_BACKDROP_FRAGMENT = """
uniform sampler2D backdrop; in vec2 at; out vec4 pixel;
void main() { pixel = vec4(texture(backdrop, at).rgb, 1.0); }
"""

_FRAGMENT = """
uniform sampler2DShadow shadow_map;
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
float layers(vec3 p) {
#if OCTAVES == 1
    return noise(p);
#elif OCTAVES == 2
    return 0.6 * noise(p) + 0.4 * noise(p * 2.1 + 7.0);
#else
    return 0.5 * noise(p) + 0.3 * noise(p * 2.1 + 7.0) + 0.2 * noise(p * 4.3 + 13.0);
#endif
}
float band(float x, float share) {  // 1 within `share` of each unit, with an edge of one pixel
    float w = max(fwidth(x), 1e-4), f = fract(x);
    return clamp((smoothstep(0.0, w, f) - smoothstep(share, share + w, f)), 0.0, 1.0);
}

vec3 albedo() {
    vec3 p = v_rest, colour = colour_scale.xyz, second = second_gloss.xyz;
    float scale = colour_scale.w, grain = folds_grain.y;
    float speckle = 1.0 + grain * (layers(p * 60.0) - 0.5) * 2.0;
#if PATTERN == 1
    return mix(colour, second, band(p.y * scale, 0.4)) * speckle;
#endif
#if PATTERN == 2
        float a = band(p.x * scale, 0.45), b = band(p.y * scale, 0.45);
        return mix(colour, second, 0.5 * (a + b)) * speckle;
#endif
#if PATTERN == 3  // planks along z, or bricks on a wall
        float row = floor(p.x * scale);
        float along = p.z * scale * 0.12 + 0.37 * row;
        float tone = hash(vec3(row, floor(along), 3.0));
        float wood = layers(vec3(p.x * 40.0, p.y * 40.0, p.z * 3.0) + tone * 20.0);
        float gap = band(p.x * scale + 0.02, 0.04) + band(along + 0.003, 0.006);
        vec3 plank = mix(colour, second, 0.6 * tone + 0.5 * (wood - 0.4)) * speckle;
        return plank * (1.0 - 0.45 * clamp(gap, 0.0, 1.0));
#endif
#if PATTERN == 4
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
#endif
#if PATTERN == 5
    return mix(colour, second, layers(vec3(p.x * 160.0, p.y * 14.0, p.z * 60.0))) * speckle;
#endif
#if PATTERN == 6
        vec3 d = normalize(p - anchors[0].xyz);
        float r = acos(clamp(d.z, -1.0, 1.0));
        vec3 white = vec3(0.86, 0.84, 0.82);
        return mix(mix(vec3(0.01), colour, smoothstep(0.20, 0.24, r)), white, smoothstep(0.46, 0.52, r));
#endif
#if PATTERN == 7
        float fade = layers(p * vec3(7.0, 3.0, 7.0));
        float twill = 0.5 + 0.5 * sin(dot(p, vec3(900.0, 1300.0, 400.0)));
        return mix(colour, second, clamp(0.55 * fade + 0.10 * twill, 0.0, 1.0)) * speckle;
#endif
#if PATTERN == 8
        float a = layers(p * scale), b = layers(p.zxy * scale * 0.7 + 5.0);
        vec3 paint = mix(colour, second, smoothstep(0.35, 0.6, a));
        return mix(paint, vec3(0.75, 0.68, 0.55), smoothstep(0.5, 0.62, b));
#endif
#if PATTERN == 9
    return mix(colour, second, smoothstep(0.42, 0.58, layers(p * scale))) * speckle;
#endif
    return colour * speckle;
}

// Height of folds (metres): long soft ones along the limb, bunched short ones.
float fold_height() {
    vec3 p = v_rest;
    float bend = layers(p * vec3(5.0, 4.0, 5.0)) * 2.5;
    float a = layers(vec3(p.x * 13.0 + bend, p.y * 7.0 + bend, p.z * 13.0));
    float b = layers(p * vec3(18.0, 34.0, 18.0) + bend);
    return folds_grain.x * (a * 1.6 + b * 0.5);
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
    vec3 n = normalize(v_normal), to_eye = normalize(eye.xyz - v_position);
    float gloss = second_gloss.w;
    if (!gl_FrontFacing) n = -n;
#ifdef FOLDS
    n = bumped(n);
#endif

    float lit = 0.0, turn = 6.2832 * hash(vec3(gl_FragCoord.xy, 1.0));
    float texel = settings.x / 2048.0;
    for (int k = 0; k < TAPS; k++) {  // a spiral, turned at random for each pixel: soft edges without bands
        float r = sqrt((float(k) + 0.5) / float(TAPS)), t = 2.39996 * float(k) + turn;
        lit += texture(shadow_map, vec3(v_shadow.xy + texel * r * vec2(cos(t), sin(t)), v_shadow.z - 0.0006));
    }
    float facing = dot(n, light_direction.xyz);
    lit *= max(facing, 0.0) / float(TAPS);

    float open = 1.0;  // how much of the sky people and furniture leave free, taken as spheres
    for (int k = 0; k < int(settings.z); k++) {
        vec3 d = occluders[k].xyz - v_position;
        float l2 = max(dot(d, d), occluders[k].w * occluders[k].w);
        float near = occluders[k].w * occluders[k].w / l2;
        open *= 1.0 - 0.75 * near * clamp(dot(n, d) * inversesqrt(l2) * 0.9 + 0.1, 0.0, 1.0);
    }
    vec3 base = pow(max(albedo(), vec3(0.0)), vec3(2.2));
    vec3 light = light_colour.xyz * lit + open * mix(ground.xyz, sky.xyz, 0.5 + 0.5 * n.y) +
        open * 0.18 * sky.xyz * max(dot(n, to_eye), 0.0);
#if PATTERN == 4
    light += light_colour.xyz * vec3(0.20, 0.06, 0.03) * exp(-8.0 * facing * facing) * 0.5;
#endif
    vec3 half_way = normalize(to_eye + light_direction.xyz);
    float shine = gloss * pow(max(dot(n, half_way), 0.0), mix(8.0, 90.0, gloss)) * lit * 1.5;
    float rim = gloss * 0.35 * pow(1.0 - max(dot(n, to_eye), 0.0), 4.0) * open;
    vec3 c = (base * light + light_colour.xyz * shine + sky.xyz * rim) * settings.y;
    c = c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14);  // filmic curve (Narkowicz 2015)
    pixel = vec4(pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
}
"""


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
        self._shadow_program = self._program(_SHADOW_FRAGMENT, {"SHADOW": 1})
        shadow_size = (quality.shadow_size, quality.shadow_size)
        self._shadow_map = ctx.depth_texture(shadow_size)
        self._shadow_map.compare_func = "<="
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow_target = ctx.framebuffer(depth_attachment=self._shadow_map)
        self._target = ctx.framebuffer(
            color_attachments=[ctx.renderbuffer(large, components=3)],
            depth_attachment=ctx.depth_renderbuffer(large),
        )
        self._scene = ctx.buffer(reserve=4 * (16 + 16 + 6 * 4 + 4 * MAX_OCCLUDERS))
        self._blocks = ctx.buffer(reserve=1 << 18)
        self._backdrop_program = ctx.program(
            vertex_shader="#version 330\n" + _BACKDROP_VERTEX, fragment_shader="#version 330\n" + _BACKDROP_FRAGMENT
        )
        corners = ctx.buffer(np.array([-1, -1, 3, -1, -1, 3], "f4").tobytes())
        self._backdrop_array = ctx.vertex_array(self._backdrop_program, [(corners, "2f", "corner")])
        self._loaded: dict[Mesh, _Loaded] = {}

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
        things: Sequence[Thing],
        view: View,
        light: Light,
        occluders: Float32,
        focus: NDArray[np.float64],
        reach_m: float = 3.0,
        backdrop: Image | None = None,
    ) -> Rendered:
        """One picture, of the view's size. Things that hide much should come first: what they hide is not computed.

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
        things: Sequence[Thing],
        view: View,
        light: Light,
        occluders: Float32,
        focus: NDArray[np.float64],
        reach_m: float,
        backdrop: Image | None,
    ) -> Rendered:
        direction = np.asarray(light.direction) / np.linalg.norm(light.direction)
        shadow = _shadow_matrix(direction, focus, reach_m)
        loaded = [self._load(thing.mesh) for thing in things]
        self._forget({thing.mesh for thing in things})
        self._scene.write(_scene_bytes(view, light, direction, shadow, occluders))
        self._scene.bind_to_uniform_block(0)
        at = self._write_blocks(things)
        self._ctx.enable(self._moderngl.DEPTH_TEST)
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        for thing, mesh, (bones, _) in zip(things, loaded, at, strict=True):
            if thing.mesh.casts_shadow:
                self._blocks.bind_to_uniform_block(1, bones, _BONES_BYTES)
                mesh.draw(self._shadow_program)
        step = self._quality.supersample
        width, height = view.size[0] * step, view.size[1] * step
        self._target.viewport = self._target.scissor = (0, 0, width, height)
        self._target.use()
        self._target.clear(*light.sky, 1.0)
        self._shadow_map.use(0)
        for thing, mesh, (bones, look) in zip(things, loaded, at, strict=True):
            self._blocks.bind_to_uniform_block(1, bones, _BONES_BYTES)
            self._blocks.bind_to_uniform_block(2, look, _LOOK_BYTES)
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
        # Nearer than nothing: the farthest depth passes only where nothing was drawn.
        self._backdrop_array.render()
        texture.release()

    def _program(self, fragment: str, defines: dict[str, int]) -> Any:
        head = "".join(f"#define {name} {value}\n" for name, value in defines.items())
        head = (
            "#version 330\n"
            + head
            + _SCENE.replace("OCCLUDERS", str(MAX_OCCLUDERS)).replace("ROWS", str(3 * MAX_BONES))
        )
        program = self._ctx.program(vertex_shader=head + _VERTEX, fragment_shader=head + fragment)
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
            self._programs[key] = self._program(_FRAGMENT, defines)
        return self._programs[key]

    def _write_blocks(self, things: Sequence[Thing]) -> list[tuple[int, int]]:
        """Where each thing's bones and look begin in one buffer, which is written once: a write between two draws
        would make a software renderer finish the first.
        """
        parts: list[bytes] = []
        end = 0

        def add(data: bytes, size: int) -> int:
            nonlocal end
            parts.append(data.ljust(size, b"\0"))
            end += size
            return end - size

        of_matrices = {id(None): add(_rows(np.eye(3, 4, dtype=np.float32)[None]), _BONES_BYTES)}
        at = []
        for thing in things:
            if id(thing.matrices) not in of_matrices and thing.matrices is not None:
                of_matrices[id(thing.matrices)] = add(_rows(thing.matrices), _BONES_BYTES)
            look = _look_bytes(thing)
            at.append((of_matrices[id(thing.matrices)], add(look, _LOOK_BYTES)))
        data = b"".join(parts)
        if len(data) > self._blocks.size:
            self._blocks.orphan(2 * len(data))
        self._blocks.write(data)
        return at

    def _load(self, mesh: Mesh) -> _Loaded:
        if mesh in self._loaded:
            self._loaded[mesh] = self._loaded.pop(mesh)  # the last used stands last
            return self._loaded[mesh]
        count = len(mesh.positions)
        bones, weights = mesh.bones, mesh.weights
        if bones is None or weights is None:
            bones, weights = np.zeros((count, 8), np.uint8), np.eye(1, 8, dtype=np.float32).repeat(count, 0)
        data = np.concatenate(
            [mesh.positions, mesh.normals, mesh.inside[:, None], mesh.mask[:, None], bones, weights], axis=1
        ).astype("f4")
        vertices, indices = self._ctx.buffer(data.tobytes()), self._ctx.buffer(mesh.faces.astype("i4").tobytes())
        self._loaded[mesh] = _Loaded(self._ctx, vertices, indices)
        return self._loaded[mesh]

    def _forget(self, needed: set[Mesh]) -> None:
        """Release the meshes that were not used for longest, but none that this picture needs."""
        for mesh in list(self._loaded)[: max(0, len(self._loaded) - MAX_LOADED)]:
            if mesh not in needed:
                self._loaded.pop(mesh).release()


class _Loaded:
    """A mesh on the renderer's side."""

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


def _rows(matrices: Float32) -> bytes:
    """(B, 3, 4) -> the shader's rows."""
    if len(matrices) > MAX_BONES:
        raise ConfigError(f"{len(matrices)} bones: the renderer takes {MAX_BONES}")
    return np.ascontiguousarray(matrices, "f4").tobytes()


def _scene_bytes(
    view: View,
    light: Light,
    direction: NDArray[np.float64],
    shadow: NDArray[np.float64],
    occluders: Float32,
) -> bytes:
    out = np.zeros((8 + 6 + MAX_OCCLUDERS, 4), "f4")
    out[0:4], out[4:8] = view.clip_from_world().T, shadow.T  # OpenGL stores columns
    count = min(len(occluders), MAX_OCCLUDERS)
    out[8, :3], out[9, :3] = view.eye, direction
    out[10, :3] = np.asarray(light.colour) * light.power
    out[11, :3], out[12, :3] = np.asarray(light.sky) * light.ambient, np.asarray(light.ground) * light.ambient
    out[13, :3] = light.softness, light.exposure, count
    out[14 : 14 + count] = occluders[:count]
    return out.tobytes()


def _look_bytes(thing: Thing) -> bytes:
    material = thing.material or thing.mesh.material
    out = np.zeros((8, 4), "f4")
    out[0], out[1] = (*material.colour, material.scale), (*material.second, material.gloss)
    out[2, :2] = material.folds_m, material.grain
    out[3, :3] = thing.stretch
    out[4:, :3] = thing.mesh.material.anchors
    return out.tobytes()


def _shadow_matrix(direction: NDArray[np.float64], focus: NDArray[np.float64], reach_m: float) -> NDArray[np.float64]:
    """(4, 4) world -> the light's clip space: a box of 2 `reach_m` around `focus`."""
    side = np.cross([0.0, 1.0, 0.0], direction)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(direction, side), -direction])
    out = np.eye(4)
    out[:3, :3] = axes / np.array([[reach_m], [reach_m], [2 * reach_m]])
    out[:3, 3] = -out[:3, :3] @ focus
    return out
