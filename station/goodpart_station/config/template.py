"""The file that `goodpart-station init` writes."""

from importlib import resources


def template() -> str:
    """A commented file. It is valid where the folder that its source names is there."""
    return (resources.files("goodpart_station.config") / "template.toml").read_text(encoding="utf-8")
