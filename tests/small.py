"""Parameters that small projects of tests share."""

HEADER = """
datasets: {digits: {source: digits, test_fraction: 0.2, split_seed: 0}}
interpolate:
  alphas: {start: 0.0, stop: 1.0, points: 5}
  batch_norm: {estimate: cumulative, batch_size: 512, momentum: 0.1, examples: null}
measure: {confidence: 0.9, bootstrap: 20, bootstrap_seed: 0}
"""
