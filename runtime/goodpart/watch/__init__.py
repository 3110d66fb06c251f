"""What is watched over weeks: evidence that frames are not what they were, block by block."""
