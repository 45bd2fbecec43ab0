"""What a sweep keeps in its folder, and how it is gone on with."""
