"""What is measured: a file for each workload, or family of workloads, found by its name."""
