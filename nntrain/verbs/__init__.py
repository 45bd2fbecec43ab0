"""What the commands do: a module per verb, and what several of them share."""
