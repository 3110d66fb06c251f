"""Distances become a result: scores, maps, regions, overlays, and the Inspection that holds them."""
