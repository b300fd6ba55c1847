"""An adapter as PEFT writes it, and what transformers computes with it on the fixtures of a tiny checkpoint.
Usage: python make_lora_fixture.py CHECKPOINT FIXTURE OUT_DIR   needs: torch, transformers, peft, safetensors.
With `--check ADAPTER` in place of OUT_DIR: loads an adapter that auditdm wrote, tells which tensors PEFT misses or does not
know (exits with 1 if there are any), and writes what it computes with them beside it."""
import json
import os
import sys

import torch
import transformers as tf
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

def write(model, out):
    with torch.no_grad():
        inputs = {name: fixture[name] for name in ("pixel_values", "input_ids", "attention_mask", "token_type_ids")}
        steps = fixture["generated_ids"].shape[1]
        logits = model(**inputs).logits.float()
        tokens = model.generate(**inputs, max_new_tokens=steps, min_new_tokens=steps, do_sample=False)[:, fixture["input_ids"].shape[1]:]
    save_file({**fixture, "logits": logits.contiguous(), "generated_ids": tokens.contiguous()}, os.path.join(out, "batch.safetensors"))


checkpoint, fixture = sys.argv[1], load_file(sys.argv[2])
torch.manual_seed(3)
base = tf.PaliGemmaForConditionalGeneration.from_pretrained(checkpoint, attn_implementation="eager").float().eval()
if sys.argv[3] == "--check":
    out = sys.argv[4]
    model = PeftModel.from_pretrained(base, out).eval()
    in_file = set(load_file(os.path.join(out, "adapter_model.safetensors")))
    in_model = {name.replace(".default", "") for name, _ in model.named_parameters() if "lora_" in name}
    print("adapter tensors", len(in_file), "missing", sorted(in_model - in_file), "unknown", sorted(in_file - in_model))
    write(model, out)
    sys.exit(in_file != in_model)
out = sys.argv[3]
model = get_peft_model(base, LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj", "fc1"])).eval()
for name, parameter in model.named_parameters():
    if "lora_" in name:
        parameter.data = torch.randn_like(parameter) * 0.1
model.save_pretrained(out)
os.remove(os.path.join(out, "README.md"))
config = json.load(open(os.path.join(out, "adapter_config.json")))
config["base_model_name_or_path"] = None
config["target_modules"] = sorted(config["target_modules"])
json.dump(config, open(os.path.join(out, "adapter_config.json"), "w"), indent=1)
write(model, out)
