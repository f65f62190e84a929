"""An autoencoder whose codes are rows of a table: nearest rows, straight-through gradients, commitment (VQ-VAE).

The source is van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning" (2017).
"""

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE, CODES, DIM, BETA = 10, 16, 16, 4, 0.25


def given(dtype):
    train, _ = data.digits()
    images, _ = train.batch(slice(STEPS * SIZE))
    return {"images": images.reshape(STEPS, SIZE, 8, 8, 1).astype(dtype)}


def theirs(images):
    import torch
    import torch.nn.functional as F
    from torch import nn

    class VectorQuantizer(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(CODES, DIM)
            self.embedding.weight.data.uniform_(-0.5, 0.5)

        def forward(self, inputs):
            inputs = inputs.permute(0, 2, 3, 1).contiguous()
            flat = inputs.view(-1, DIM)
            w = self.embedding.weight
            distances = (flat**2).sum(1, keepdim=True) + (w**2).sum(1) - 2 * torch.matmul(flat, w.t())
            indices = torch.argmin(distances, dim=1).unsqueeze(1)
            encodings = torch.zeros(indices.shape[0], CODES, dtype=inputs.dtype)
            encodings.scatter_(1, indices, 1)
            quantized = torch.matmul(encodings, w).view(inputs.shape)
            e_latent_loss = F.mse_loss(quantized.detach(), inputs)
            q_latent_loss = F.mse_loss(quantized, inputs.detach())
            quantized = inputs + (quantized - inputs).detach()
            avg_probs = encodings.mean(0)
            perplexity = torch.exp(-torch.sum(avg_probs * torch.log(avg_probs + 1e-10)))
            return quantized.permute(0, 3, 1, 2).contiguous(), q_latent_loss + BETA * e_latent_loss, perplexity

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, DIM, 3, 1, 1))
            self.vq = VectorQuantizer()
            self.decoder = nn.Sequential(nn.Conv2d(DIM, 8, 3, 1, 1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1))

        def forward(self, x):
            quantized, vq_loss, perplexity = self.vq(self.encoder(x))
            return self.decoder(quantized), vq_loss, perplexity

    model = Model()
    yield model.state_dict()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, amsgrad=False)
    for x in torch.from_numpy(images).permute(0, 1, 4, 2, 3):
        optimizer.zero_grad()
        recon, vq_loss, perplexity = model(x)
        recon_error = F.mse_loss(recon, x)
        (recon_error + vq_loss).backward()
        optimizer.step()
        yield perplexity.item(), vq_loss.item(), recon_error.item()


class VectorQuantizer(nn.Module):
    def __init__(self):
        self.embedding = nn.Embedding(CODES, DIM)

    def forward(self, inputs):
        flat = inputs.reshape(-1, DIM)
        w = self.embedding.weight
        distances = (flat**2).sum(1, keepdims=True) + (w**2).sum(1) - 2 * tg.matmul(flat, w.T)
        indices = tg.argmin(distances, axis=1)
        encodings = tg.one_hot(indices, CODES, dtype=inputs.dtype)
        quantized = tg.matmul(encodings, w).reshape(inputs.shape)
        e_latent_loss = tg.mse_loss(quantized.detach(), inputs)
        q_latent_loss = tg.mse_loss(quantized, inputs.detach())
        quantized = inputs + tg.stop_gradient(quantized - inputs)
        avg_probs = encodings.mean(0)
        perplexity = tg.exp(-tg.sum(avg_probs * tg.log(avg_probs + 1e-10)))
        return quantized, q_latent_loss + BETA * e_latent_loss, perplexity


class Model(nn.Module):
    def __init__(self):
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, DIM, 3, 1, 1))
        self.vq = VectorQuantizer()
        self.decoder = nn.Sequential(nn.Conv2d(DIM, 8, 3, 1, 1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1))

    def forward(self, x):
        quantized, vq_loss, perplexity = self.vq(self.encoder(x))
        return self.decoder(quantized), vq_loss, perplexity


def ours(start, images):
    model = Model().to(images.dtype)
    tg.io.from_torch(model, start)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for x in images:
        optimizer.zero_grad()
        recon, vq_loss, perplexity = model(x)
        recon_error = tg.mse_loss(recon, x)
        (recon_error + vq_loss).backward()
        optimizer.step()
        yield perplexity.item(), vq_loss.item(), recon_error.item()
