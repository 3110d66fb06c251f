"""Distances become a result: scores, maps, regions, and the Inspection that holds them."""
