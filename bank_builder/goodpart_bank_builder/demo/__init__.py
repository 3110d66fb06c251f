"""Demo data: a small drawn data set, to try everything without a download."""
