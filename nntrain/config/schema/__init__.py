"""The type and range of every setting, a module per group."""
