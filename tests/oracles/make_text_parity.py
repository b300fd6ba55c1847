"""A tiny random text-only Gemma 3 (Gemma3ForCausalLM) and what transformers computes with it: left padding, a window
that is shorter than the prompts, grouped queries, both kinds of layers.
Usage: python make_text_parity.py OUT_DIR [SEED]   needs: torch, transformers, safetensors."""
import os
import sys

import torch
import transformers as tf
from safetensors.torch import save_file

out, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 7
torch.manual_seed(seed)
torch.set_num_threads(1)
config = tf.Gemma3TextConfig(
    vocab_size=200, hidden_size=32, intermediate_size=64, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2,
    head_dim=12, query_pre_attn_scalar=20, sliding_window=8, max_position_embeddings=512,
    rope_parameters={"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                     "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}})
config._attn_implementation = "eager"
model = tf.Gemma3ForCausalLM(config).float().eval()
for name, parameter in model.named_parameters():  # away from their beginnings, so that a wrong formula shows
    with torch.no_grad():
        if parameter.dim() == 1:
            parameter.add_(torch.randn_like(parameter) * 0.3)
        else:
            parameter.mul_(2.0 if "embed" in name else 6.0)
ids = torch.randint(5, 200, (2, 14))
mask = torch.ones_like(ids)
ids[0, :5], mask[0, :5] = 0, 0
with torch.no_grad():
    logits = model(input_ids=ids, attention_mask=mask).logits.float()
    tokens = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=8, min_new_tokens=8, do_sample=False)[:, 14:]
os.makedirs(out, exist_ok=True)
model.save_pretrained(out)
os.remove(os.path.join(out, "generation_config.json"))
save_file({"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids), "logits": logits.contiguous(),
           "generated_ids": tokens.contiguous()}, os.path.join(out, "batch.safetensors"))
print(logits.shape, tokens.tolist())
