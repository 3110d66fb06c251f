"""The commands of `goodpart store`, one module each."""
