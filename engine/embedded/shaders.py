"""The GLSL programs of the embedded worlds: lit, textured bodies in haze, the sky dome, falling rain or snow, soft shadows."""

from typing import Final

BODY_VERTEX: Final = """
#version 330
uniform mat4 p3d_ModelViewProjectionMatrix;
uniform mat4 p3d_ModelViewMatrix;
in vec4 p3d_Vertex;
in vec2 p3d_MultiTexCoord0;
in float layer;
in vec3 tint;
out vec2 uv;
out vec3 colour;
out float away;
out vec3 seen;
flat out float image;
void main() {
    gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex;
    seen = (p3d_ModelViewMatrix * p3d_Vertex).xyz;
    away = length(seen);
    uv = p3d_MultiTexCoord0;
    colour = tint;
    image = layer;
}
"""

BODY_FRAGMENT: Final = """
#version 330
uniform sampler2DArray layers;
uniform sampler2D ground;
uniform float far_by_pixel;  // 1: measured at each pixel; 0: between corners, as the two first families always had it
uniform vec4 haze;  // colour, and 1 / distance in metres at which 63 % of it shows
in vec2 uv;
in vec3 colour;
in float away;
in vec3 seen;
flat in float image;
out vec4 pixel;
void main() {
    vec3 texel = image < 0.0 ? texture(ground, uv).rgb : texture(layers, vec3(uv, image)).rgb * 1.186;
    float far = far_by_pixel > 0.5 ? length(seen) : away;  // a wall of 60 m has its corners far off
    float clear = exp(-max(far - 12.0, 0.0) * haze.a);
    pixel = vec4(mix(haze.rgb, texel * colour, clear), 1.0);
}
"""

SKY_VERTEX: Final = """
#version 330
uniform mat4 p3d_ModelViewProjectionMatrix;
in vec4 p3d_Vertex;
in vec2 p3d_MultiTexCoord0;
out vec2 uv;
void main() {
    gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex;
    uv = p3d_MultiTexCoord0;
}
"""

SKY_FRAGMENT: Final = """
#version 330
uniform sampler2D p3d_Texture0;
in vec2 uv;
out vec4 pixel;
void main() {
    pixel = vec4(texture(p3d_Texture0, uv).rgb, 1.0);
}
"""

FALLING_VERTEX: Final = """
#version 330
uniform mat4 p3d_ModelViewProjectionMatrix;
uniform vec3 eye;  // metres, z up
uniform vec4 motion;  // velocity in metres / second, and the seconds since the start
uniform vec4 shape;  // half width and half length of one drop in metres, side and height of the box that they fill
in vec3 p3d_Vertex;  // where a drop starts in the box, 0..1
in vec2 p3d_MultiTexCoord0;  // corner of its picture, -1..1
out vec2 at;
void main() {
    at = p3d_MultiTexCoord0;
    vec3 size = vec3(shape.z, shape.z, shape.w);
    vec3 drop = p3d_Vertex * size + motion.xyz * motion.w;
    drop = eye + mod(drop - eye + 0.5 * size, size) - 0.5 * size;  // fixed in the world, wrapped round the eye
    vec3 fall = normalize(motion.xyz);
    vec3 right = normalize(cross(drop - eye, fall) + vec3(1e-5, 0.0, 0.0));
    float small = smoothstep(0.5, 2.5, length(drop - eye));  // none so near that it hides what is behind
    drop += small * (right * shape.x * p3d_MultiTexCoord0.x + fall * shape.y * p3d_MultiTexCoord0.y);
    gl_Position = p3d_ModelViewProjectionMatrix * vec4(drop, 1.0);
}
"""

FALLING_FRAGMENT: Final = """
#version 330
uniform vec4 hue;
in vec2 at;
out vec4 pixel;
void main() {
    pixel = vec4(hue.rgb, hue.a * (1.0 - smoothstep(0.5, 1.0, length(at))));
}
"""

SHADE_VERTEX: Final = """
#version 330
uniform mat4 p3d_ModelViewProjectionMatrix;
uniform mat4 p3d_ModelViewMatrix;
in vec4 p3d_Vertex;
in vec2 p3d_MultiTexCoord0;  // corner of the blot, -1..1
out vec2 at;
out vec3 seen;
void main() {
    gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex;
    seen = (p3d_ModelViewMatrix * p3d_Vertex).xyz;
    at = p3d_MultiTexCoord0;
}
"""

SHADE_FRAGMENT: Final = """
#version 330
uniform vec4 haze;
uniform float strength;  // how much of the light it takes in the middle
in vec2 at;
in vec3 seen;
out vec4 pixel;
void main() {
    float clear = exp(-max(length(seen) - 12.0, 0.0) * haze.a);
    pixel = vec4(0.0, 0.0, 0.0, strength * clear * (1.0 - smoothstep(0.30, 1.0, length(at))));
}
"""
