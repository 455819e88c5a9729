uniform sampler2D backdrop; in vec2 at; out vec4 pixel;
void main() { pixel = vec4(texture(backdrop, at).rgb, 1.0); }
