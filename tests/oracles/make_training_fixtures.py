"""What PyTorch makes of the operations of training: values and gradients of each, steps of AdamW with clipping and
accumulation, and the gradients of whole networks.
Usage: python make_training_fixtures.py PARITY_DIR OUT_DIR   needs: torch, transformers, safetensors.
Writes operations.safetensors (NAME.in.N, NAME.out, NAME.grad.N; the loss is sum(out * NAME.weight)), adamw.safetensors, and for
each checkpoint of PARITY_DIR gradients_NAME.json: the loss, and of every parameter's gradient the length and the
projection on cos(0), cos(1), ..."""
import json
import os
import sys

import torch
import torch.nn.functional as F
import transformers as tf
from safetensors.torch import load_file, save_file

parity, out = sys.argv[1], sys.argv[2]
os.makedirs(out, exist_ok=True)
torch.manual_seed(11)
torch.set_num_threads(1)
tensors = {}


def case(name, inputs, function, frozen=()):
    inputs = [value.clone().requires_grad_(at not in frozen) for at, value in enumerate(inputs)]
    result = function(*inputs)
    weight = torch.randn_like(result)
    (result * weight).sum().backward()
    tensors[f"{name}.out"], tensors[f"{name}.weight"] = result.detach(), weight
    for at, value in enumerate(inputs):
        tensors[f"{name}.in.{at}"] = value.detach()
        if at not in frozen:
            tensors[f"{name}.grad.{at}"] = value.grad


def attention(mask, cap):
    def function(q, k, v):
        k, v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
        scores = q @ k.transpose(2, 3) * 0.3
        scores = torch.tanh(scores / cap) * cap if cap else scores
        return torch.softmax(scores + mask, -1) @ v
    return function


q, k, v = torch.randn(2, 4, 9, 8), torch.randn(2, 2, 11, 8), torch.randn(2, 2, 11, 8)
mask = torch.where(torch.rand(2, 1, 9, 11) < 0.3, torch.tensor(-1e9), torch.tensor(0.0))
tensors["attention.mask"] = mask
case("attention", [q, k, v], attention(mask, None))
case("attention_capped", [q * 3, k, v], attention(mask, 2.0))
x, w, b = torch.randn(3, 5, 24), torch.randn(24) * 0.3, torch.randn(24) * 0.3
case("rms_norm", [x, w], lambda x, w: F.rms_norm(x, (24,), eps=1e-6) * (1 + w))
case("layer_norm", [x, w, b], lambda x, w, b: F.layer_norm(x, (24,), w, b, 1e-6))
case("gelu_tanh", [x * 3], lambda x: F.gelu(x, approximate="tanh"))
case("geglu", [x, torch.randn_like(x)], lambda gate, up: F.gelu(gate, approximate="tanh") * up)
case("linear", [x, torch.randn(7, 24), torch.randn(7)], F.linear)
case("linear_frozen", [x, torch.randn(7, 24)], F.linear, frozen=(1,))
tensors["cross_entropy.labels"] = torch.tensor([3, -100, 0, 12, -100, 7])
case("cross_entropy", [torch.randn(6, 13) * 4], lambda x: F.cross_entropy(x, tensors["cross_entropy.labels"]))
angles = torch.rand(2, 1, 6, 4) * 6
cos, sin = (torch.cat([function(angles)] * 2, -1) for function in (torch.cos, torch.sin))
tensors["rotary.cos"], tensors["rotary.sin"] = cos, sin
case("rotary", [torch.randn(2, 3, 6, 8)], lambda x: x * cos + torch.cat([-x[..., 4:], x[..., :4]], -1) * sin)
save_file({name: value.contiguous() for name, value in tensors.items()}, os.path.join(out, "operations.safetensors"))

# AdamW as the trainer uses it: betas 0.9 and 0.98, decay 0.02 of matrices only, gradients clipped to length 1 together,
# each the mean of two shards.
matrix, vector = torch.nn.Parameter(torch.randn(3, 4)), torch.nn.Parameter(torch.randn(5))
steps = {"start.matrix": matrix.detach().clone(), "start.vector": vector.detach().clone()}
optimiser = torch.optim.AdamW([{"params": [matrix], "weight_decay": 0.02}, {"params": [vector], "weight_decay": 0.0}],
                              lr=0.03, betas=(0.9, 0.98), eps=1e-8)
for step in range(5):
    optimiser.zero_grad()
    for shard in range(2):
        for name, parameter in (("matrix", matrix), ("vector", vector)):
            gradient = torch.randn_like(parameter) * (2.0 if step % 2 else 0.1)
            steps[f"gradient.{step}.{shard}.{name}"] = gradient
            parameter.grad = (0 if parameter.grad is None else parameter.grad) + gradient / 2
    torch.nn.utils.clip_grad_norm_([matrix, vector], 1.0)
    optimiser.step()
    steps[f"after.{step}.matrix"], steps[f"after.{step}.vector"] = matrix.detach().clone(), vector.detach().clone()
save_file(steps, os.path.join(out, "adamw.safetensors"))

checkpoints = {"paligemma": (parity, "suffix.safetensors", tf.PaliGemmaForConditionalGeneration),
               "gemma3": (os.path.join(parity, "gemma3"), "two_images.safetensors", tf.Gemma3ForConditionalGeneration),
               "gemma3_text": (os.path.join(parity, "gemma3_text"), "batch.safetensors", tf.Gemma3ForCausalLM)}
for name, (folder, fixture, architecture) in checkpoints.items():
    model = architecture.from_pretrained(folder, attn_implementation="eager").float()
    fixture = load_file(os.path.join(folder, fixture))
    names = ("input_ids", "attention_mask") + (() if name == "gemma3_text" else ("pixel_values", "token_type_ids"))
    # transformers asks for token types where the network is in training; eval leaves the gradients as they are.
    logits = model.eval()(**{each: fixture[each] for each in names}).logits
    # The last four tokens of each row are the answer: predicted from the token before.
    labels = fixture["input_ids"][:, -4:].clone()
    labels[0, 1] = -100
    loss = F.cross_entropy(logits[:, -5:-1].flatten(0, 1), labels.flatten())
    loss.backward()
    found = {"loss": float(loss), "gradients": {}}
    for parameter_name, parameter in model.named_parameters():
        if parameter.grad is None:
            continue
        flat = parameter.grad.double().flatten()
        direction = torch.cos(torch.arange(flat.numel(), dtype=torch.float64))
        found["gradients"][parameter_name] = [float(flat.norm()), float(flat @ direction)]
    json.dump(found, open(os.path.join(out, f"gradients_{name}.json"), "w"), indent=0)
    print(name, found["loss"], len(found["gradients"]))
