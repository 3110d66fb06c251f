"""The folder that an embedded PC needs: how it is read, written, signed and set up on a device."""
