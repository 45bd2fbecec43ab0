"""How many members a stack may have. Imports no torch."""

LEAST, MOST = 4, 64  # on the CPU, whatever their size: of small networks more no longer fit the processor's cache
MOST_ON_GPU = 1024
