"""Parameters that small projects of tests share."""

HEADER = """
datasets: {digits: {source: digits, test_fraction: 0.2, split_seed: 0}}
interpolate:
  alphas: {start: 0.0, stop: 1.0, points: 5}
  batch_norm: {estimate: cumulative, batch_size: 512, momentum: 0.1, examples: null}
  refinement: {levels: 1, points: 1}
  gauss_refinement: {tolerance: 0.1, most_alphas: 9}
measure: {confidence: 0.9, bootstrap: 20, bootstrap_seed: 0, plateau_share: 0.1}
theory:
  noisy_quadratic: {dimension: 5, learning_rates: [0.1], steps: 10, samples: 4, seed: 0}
  two_layer_linear:
    {instances: 3, scales: [0.1], inputs: 3, outputs: 2, hidden: 2, examples: 5, steps: 20, learning_rate: 0.1,
     tolerance: 0.01, seed: 0}
"""
