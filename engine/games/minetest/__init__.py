"""Minetest as a source: a real server and client on a display of their own, frame ids in the picture, poses from a mod."""
