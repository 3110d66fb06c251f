"""What does not seem to belong among the good images, and what the threshold rests on."""
