"""goodpart-bank builds and evaluates bundles on a workstation."""

__version__ = "0.1.0"
