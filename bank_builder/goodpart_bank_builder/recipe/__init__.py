"""The recipe of a product: what its bank is built from and how, as a file."""
