"""The two GLSL programs of the embedded worlds: lit, textured bodies in haze, and the sky dome."""

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
flat out float image;
void main() {
    gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex;
    away = length((p3d_ModelViewMatrix * p3d_Vertex).xyz);
    uv = p3d_MultiTexCoord0;
    colour = tint;
    image = layer;
}
"""

BODY_FRAGMENT: Final = """
#version 330
uniform sampler2DArray layers;
uniform sampler2D ground;
uniform vec4 haze;  // colour, and 1 / distance in metres at which 63 % of it shows
in vec2 uv;
in vec3 colour;
in float away;
flat in float image;
out vec4 pixel;
void main() {
    vec3 texel = image < 0.0 ? texture(ground, uv).rgb : texture(layers, vec3(uv, image)).rgb * 1.186;
    float clear = exp(-max(away - 12.0, 0.0) * haze.a);
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
