"""Measures of speed and memory, each beside a floor or a peer measured in the same run.

`python -m benchmarks --json FILE` runs all and writes `{name: {value, unit, floor, ratio}}`.
"""
