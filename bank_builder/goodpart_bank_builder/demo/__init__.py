"""Demo data: a small drawn data set for trying everything without a download."""
