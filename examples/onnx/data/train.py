"""A consistency model in EDM preconditioning, trained by consistency training (iCT's recipe without its annealing) and exported with defaults.

Target: two independent coordinates .3 N(-1, .4^2) + .7 N(1, .4^2). Levels: Karras, 18 sigmas from .002 to 80, rho = 7.
"""
import torch
from torch import nn

torch.manual_seed(1)
LEVELS, LOW, HIGH, RHO, DATA = 18, 0.002, 80.0, 7.0, 1.0
ramp = torch.linspace(0, 1, LEVELS, dtype=torch.float64)
sigmas = (LOW ** (1 / RHO) + ramp * (HIGH ** (1 / RHO) - LOW ** (1 / RHO))).pow(RHO).float()


class Consistency(nn.Module):
    def __init__(self, dim=2, width=64):
        super().__init__()
        layers = [nn.Linear(dim + 1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, dim)]
        self.net = nn.Sequential(*layers)

    def forward(self, x, sigma):
        s = sigma.reshape(-1, 1)
        skip = DATA**2 / ((s - LOW) ** 2 + DATA**2)  # sigma_min in both: f(., sigma_min) is the identity
        out = DATA * (s - LOW) / (s**2 + DATA**2).sqrt()
        return skip * x + out * self.net(torch.cat([x / (s**2 + DATA**2).sqrt(), s.log() / 4], 1))


def train(model, iterations=20000, batch=1024):
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, iterations)
    for _ in range(iterations):
        x0 = torch.where(torch.rand(batch, 2) < 0.3, -1.0, 1.0) + 0.4 * torch.randn(batch, 2)
        z, t = torch.randn(batch, 2), torch.randint(1, LEVELS, (batch,))
        now, before = sigmas[t], sigmas[t - 1]
        with torch.no_grad():  # the same x0 and z one level below
            target = model(x0 + before[:, None] * z, before)
        square = (model(x0 + now[:, None] * z, now) - target).square().sum(1)
        optimiser.zero_grad()
        (square / (now - before)).mean().backward()
        optimiser.step()
        schedule.step()


if __name__ == "__main__":
    model = Consistency()
    train(model)
    model.eval()
    batch = torch.export.Dim("batch")
    torch.onnx.export(model, (torch.randn(3, 2), torch.ones(3)), "edm.onnx", input_names=["x", "sigma"], output_names=["f"],
                      dynamic_shapes=({0: batch}, {0: batch}))
