"""Changes to the training samples: a whole batch at a time on its device, each sample with a draw of its own."""
