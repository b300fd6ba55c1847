"""A parity fixture whose prompts end in answer tokens (token type 1), as in training: only these feel the window.
Usage: python make_suffix_parity.py CHECKPOINT_DIR OUT.safetensors   needs: torch, transformers, safetensors."""
import sys
import torch
import transformers
from safetensors.torch import save_file

checkpoint, out = sys.argv[1:3]
torch.manual_seed(11)
torch.set_num_threads(1)
model = transformers.PaliGemmaForConditionalGeneration.from_pretrained(checkpoint, attn_implementation="eager").float().eval()
config = model.config
image, images = config.image_token_index, config.text_config.num_image_tokens
prompt, answer, padding = 7, 12, [4, 0]

ids = torch.randint(5, 300, (2, images + prompt + answer))
ids[:, :images] = image
types = torch.zeros_like(ids)
types[:, images + prompt:] = 1
mask = torch.ones_like(ids)
for row, count in enumerate(padding):
    if count:
        ids[row] = torch.cat([torch.zeros(count, dtype=torch.long), ids[row, :-count]])
        types[row] = torch.cat([torch.zeros(count, dtype=torch.long), types[row, :-count]])
        mask[row, :count] = 0
side = config.vision_config.image_size
pixels = torch.randn(2, 3, side, side)
inputs = dict(pixel_values=pixels, input_ids=ids, attention_mask=mask, token_type_ids=types)
with torch.no_grad():
    logits = model(**inputs).logits.float()
    tokens = model.generate(**inputs, max_new_tokens=6, min_new_tokens=6, do_sample=False)[:, ids.shape[1]:]
tensors = {**inputs, "logits": logits, "generated_ids": tokens}
save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, out)
print(tuple(logits.shape), tokens.tolist(), transformers.__version__)
