"""Compare: two banks of one product on the same labelled images, and whether the new one may ship."""
