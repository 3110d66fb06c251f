"""The workstation's command line: one module per command."""
