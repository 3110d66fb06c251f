"""Frames: how image files are decoded, and whether a frame is fit to be judged."""
