"""torchvision's data sets, read from their own files."""
