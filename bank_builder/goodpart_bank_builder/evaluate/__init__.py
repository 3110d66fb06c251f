"""Evaluation of a bundle on a labelled test set."""
