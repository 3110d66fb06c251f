"""A bundle is measured on a labelled test set."""
