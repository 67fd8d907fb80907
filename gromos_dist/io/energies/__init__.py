"""Energy trajectories of GROMOS, ``.tre`` and ``.trg``."""
