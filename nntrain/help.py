"""What `--help` says: what a person types most, with examples that work."""

GENERAL = """x"""
VERBS: dict[str, str] = {"fit": "", "eval": "", "predict": "", "check": "", "configs": "", "completion": ""}
