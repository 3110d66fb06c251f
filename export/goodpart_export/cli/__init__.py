"""The command lines `goodpart-export` and `goodpart-quantize`."""
