"""One folder for each backend; its SDK is imported there and nowhere else."""
