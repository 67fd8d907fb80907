"""Forces of the GROMOS force field: their settings, input files, parameters and the model."""
