"""The station's TOML file."""
