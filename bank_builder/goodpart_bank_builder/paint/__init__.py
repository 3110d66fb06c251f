"""Painted defects: small synthetic defects on photographs of good parts."""
