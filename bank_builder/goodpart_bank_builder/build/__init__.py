"""Good images and a backbone become a bundle, and a bundle is signed."""
