"""Stands for a training of your own, which need not know this project: it saves weights before and after."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from mine.networks import shufflenet

EPOCHS, BATCH, RATE = 6, 64, 0.01
WEIGHTS = Path(__file__).parent / "weights"

digits = load_digits()
x, y = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
torch.set_num_threads(1)
torch.manual_seed(0)
network = shufflenet()
WEIGHTS.mkdir(exist_ok=True)
save_file(network.state_dict(), WEIGHTS / "before.safetensors")
optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9)
for _ in range(EPOCHS):
    for batch in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
        optimizer.step()
torch.save(network.state_dict(), WEIGHTS / "after.pt")
