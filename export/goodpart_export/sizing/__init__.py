"""Which input size suits a folder of images."""
