"""Searches: what they draw from, and the trials they keep."""
