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
