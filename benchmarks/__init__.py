"""Benchmarks that compare skimdb with its peers: ``python -m benchmarks``."""
