"""Every SQL statement of `cases`, by subject; rows become domain values here and nowhere else."""
