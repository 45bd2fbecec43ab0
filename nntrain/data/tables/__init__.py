"""Tables: files and frames of rows, typed columns, and the encoding that a network takes."""
