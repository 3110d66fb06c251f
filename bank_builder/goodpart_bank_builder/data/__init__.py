"""What lies on disk: good images, parts and folds, test sets, masks."""
