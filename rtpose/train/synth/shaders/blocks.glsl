layout(std140) uniform Scene {
    mat4 clip_from_world, shadow_from_world;
    vec4 eye, light_direction, light_colour, sky, ground, settings;  // settings: softness, exposure, occluder count
    vec4 occluders[OCCLUDERS];
};
layout(std140) uniform Bones { vec4 rows[ROWS]; };
layout(std140) uniform Look { vec4 colour_scale, second_gloss, folds_grain, stretch, anchors[4]; };
