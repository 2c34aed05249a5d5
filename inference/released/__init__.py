"""The published pipeline: segment by segment from one picture, with past latents, camera and memory as released."""
