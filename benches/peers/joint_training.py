"""The peer of `cargo bench --bench training`: joint consistency training of a time-conditioned perceptron with PyTorch on the CPU.

    python3 joint_training.py WIDTH BATCH STEPS THREADS

The same work: 2-D two moons, hidden layers WIDTH-WIDTH-WIDTH with SiLU, inputs (x, 8 Fourier features of the noise angle), 64 levels, the
student itself as teacher, squared loss, Adam, float32. Prints milliseconds per optimiser step, after 20 steps that are not counted.
"""

import math
import sys
import time

import torch

WIDTH, BATCH, STEPS, THREADS = (int(a) for a in sys.argv[1:5])
LEVELS = 64
torch.set_num_threads(THREADS)
torch.manual_seed(0)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = []
        for inputs in (10, WIDTH, WIDTH):
            layers += [torch.nn.Linear(inputs, WIDTH), torch.nn.SiLU()]
        self.body = torch.nn.Sequential(*layers, torch.nn.Linear(WIDTH, 2))
        self.register_buffer("frequencies", torch.tensor([1.0, 2.0, 4.0, 8.0]))

    def forward(self, x, angle):
        phase = angle[:, None] * self.frequencies
        h = torch.cat([x, phase.sin(), phase.cos()], 1)
        return angle.cos()[:, None] * x + angle.sin()[:, None] * self.body(h)


grid = torch.linspace(1e-2, math.pi / 2 - 1e-3, LEVELS)
net = Net()
adam = torch.optim.Adam(net.parameters(), lr=1e-3)


def moons(n):
    a = torch.rand(n) * math.pi
    s = (torch.rand(n) < 0.5).float() * 2 - 1
    return torch.stack([s * a.cos() + 0.5 * s, s * a.sin() - 0.25 * s], 1) + 0.05 * torch.randn(n, 2)


def step():
    x, z = moons(BATCH), torch.randn(BATCH, 2)
    i = torch.randint(1, LEVELS, (BATCH,))
    high, low = grid[i], grid[i - 1]
    now = high.cos()[:, None] * x + high.sin()[:, None] * z
    before = low.cos()[:, None] * x + low.sin()[:, None] * z
    with torch.no_grad():
        target = net(before, low)
    loss = (net(now, high) - target).square().sum(1).mean()
    adam.zero_grad(set_to_none=True)
    loss.backward()
    adam.step()


for _ in range(20):
    step()
started = time.perf_counter()
for _ in range(STEPS):
    step()
print(1e3 * (time.perf_counter() - started) / STEPS)
