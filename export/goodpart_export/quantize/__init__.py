"""An exported backbone in 8-bit integers, and what that costs."""
