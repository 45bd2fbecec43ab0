"""Pictures: found in folders, archives and lists, decoded once, kept in a cache, and read from there."""
