"""From YAML and command-line words to one validated config."""
