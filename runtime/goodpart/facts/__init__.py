"""What a bundle states about itself: frozen facts, strict to and from JSON."""
