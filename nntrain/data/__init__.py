"""Data sources: each reads what a person has and hands on splits of tensors."""
