"""GROMOS text: ``.trc``, ``.trv``, ``.trf``, ``.cnf`` and ``.g96``, each also ``.gz``."""
