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
