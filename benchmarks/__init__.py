"""What the samplers cost, beside published algorithms written plainly: `python -m benchmarks` runs all of it."""
