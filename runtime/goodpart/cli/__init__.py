"""The device's command line: one module per command, and the code that all command lines share."""
