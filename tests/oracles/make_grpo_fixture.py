"""Writes tests/data/training/grpo.safetensors: the loss of src/train/grpo/loss.rs and its gradient, by PyTorch.

    python tests/oracles/make_grpo_fixture.py

Off-policy on purpose: ratios on both sides of either clipping bound, both signs of advantages.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

torch.manual_seed(3)
TOKENS, WORDS = 24, 11
LOW, HIGH, KL, ENTROPY = 0.2, 0.28, 0.05, 0.01

logits = torch.randn(TOKENS, WORDS, dtype=torch.float64, requires_grad=True)
labels = torch.randint(0, WORDS, (TOKENS,))
advantages = torch.randn(TOKENS, dtype=torch.float64)
log_probs = torch.log_softmax(logits, dim=-1)
now = log_probs.gather(1, labels.unsqueeze(1)).squeeze(1)
drawn = now.detach() + 0.5 * torch.randn(TOKENS, dtype=torch.float64)
start = now.detach() + 0.3 * torch.randn(TOKENS, dtype=torch.float64)

ratio = torch.exp(now - drawn)
gain = torch.minimum(ratio * advantages, torch.clamp(ratio, 1 - LOW, 1 + HIGH) * advantages)
apart = start - now
kl = torch.exp(apart) - apart - 1
entropy = -(log_probs.exp() * log_probs).sum(-1)
loss = (-gain + KL * kl - ENTROPY * entropy).sum() / TOKENS
loss.backward()

path = Path(__file__).parent.parent / "data/training/grpo.safetensors"
tensors = {
    "logits": logits.detach(),
    "advantages": advantages,
    "drawn": drawn,
    "start": start,
    "loss": loss.detach().reshape(1),
    "gradient": logits.grad,
    "kl": kl.sum().detach().reshape(1),
    "entropy": entropy.sum().detach().reshape(1),
}
tensors = {name: value.to(torch.float32).contiguous() for name, value in tensors.items()}
tensors["labels"] = labels.to(torch.int64)
save_file(tensors, str(path))
print(path, float(loss))
