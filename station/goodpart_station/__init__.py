"""goodpart-station gives one verdict to each part: of the right frame, in time, or none that lets it pass."""

__version__ = "0.1.0"
