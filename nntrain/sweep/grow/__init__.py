"""Networks that are grown step by step."""
