"""Which jobs a sweep has: `hydra/sweeper=`."""
