in vec2 corner; out vec2 at;
void main() { at = vec2(0.5 + 0.5 * corner.x, 0.5 - 0.5 * corner.y); gl_Position = vec4(corner, 0.999999, 1.0); }
