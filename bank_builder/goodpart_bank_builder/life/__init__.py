"""The life of a bank: built from a recipe, grown by batches, freed of bad images, reproduced."""
