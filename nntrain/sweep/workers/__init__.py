"""The processes that train the jobs of a sweep."""
