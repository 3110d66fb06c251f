"""Building a bundle from good images and a backbone, and signing it."""
