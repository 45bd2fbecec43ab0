"""Who trains the jobs of a sweep, and where: `hydra/launcher=`."""
