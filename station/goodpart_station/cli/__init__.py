"""The command `goodpart-station`."""
