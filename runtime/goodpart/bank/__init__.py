"""Embeddings become distances: the bank, its graph, and the exact search that certifies both."""
