"""Many products: which of them are out of date, and how they are built, on this machine or on several."""
