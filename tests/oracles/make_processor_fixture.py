"""Images, a tiny tokenizer and what transformers' PaliGemmaProcessor makes of them.
Usage: python make_processor_fixture.py OUT_DIR   needs: torch, torchvision, transformers, safetensors, pillow, numpy."""
import json
import os
import sys

import numpy as np
from PIL import Image
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PaliGemmaProcessor, PreTrainedTokenizerFast, SiglipImageProcessor

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
side, image_tokens = 28, 4

# A tokenizer that works as Gemma's does: spaces become U+2581, nothing is put in front, bytes stand in for the unknown.
tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
corpus = ["answer en how many red stars are left of the clock?\n", "what colour is the small car in the picture?\n", "yes", "no", "three"]
special = ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{byte:02X}>" for byte in range(256)]
trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, show_progress=False)
tokenizer.train_from_iterator(corpus, trainer)
content = json.loads(tokenizer.to_str())
content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < 4]
tokenizer = Tokenizer.from_str(json.dumps(content))
tokenizer.add_special_tokens([AddedToken("<image>", normalized=False, special=True)])
tokenizer.add_tokens([f"<loc{place:0>4}>" for place in range(16)])
tokenizer.save(os.path.join(out, "tokenizer.json"))

settings = {"image_processor_type": "SiglipImageProcessor", "size": {"height": side, "width": side}, "resample": 3,
            "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255, "image_seq_length": image_tokens,
            "do_resize": True, "do_rescale": True, "do_normalize": True, "do_convert_rgb": True}
with open(os.path.join(out, "preprocessor_config.json"), "w") as file:
    json.dump(settings, file, indent=1)

# Smooth areas, edges and a pattern; one is shrunk, one is stretched the other way.
def picture(width, height):
    y, x = np.mgrid[0:height, 0:width]
    red = 127 + 120 * np.sin(x / 9) * np.cos(y / 7)
    green = np.where((x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2, 180, 80)
    blue = 128 + 60 * np.sin(x / 5 + y / 8) + 20 * ((x // 3 + y // 5) % 2)
    return Image.fromarray(np.stack([red, green, blue], -1).clip(0, 255).astype(np.uint8))

picture(121, 83).save(os.path.join(out, "photo.jpg"), quality=90)  # half the resolution for colour, as cameras do
picture(19, 43).save(os.path.join(out, "drawing.png"))

fast = PreTrainedTokenizerFast(tokenizer_file=os.path.join(out, "tokenizer.json"), bos_token="<bos>", eos_token="<eos>",
                               pad_token="<pad>", unk_token="<unk>", extra_special_tokens={"image_token": "<image>"})
images = SiglipImageProcessor.from_pretrained(out)
images.image_seq_length = image_tokens
processor = PaliGemmaProcessor(image_processor=images, tokenizer=fast)
tensors = {}
jpegs = os.path.join(os.path.dirname(__file__), "..", "data", "jpegs")  # from make_jpegs.py
others = [os.path.join(jpegs, name) for name in ("420_q30.jpg", "440_q80.jpg", "progressive_422_q50.jpg", "cmyk_q90.jpg")]
for path in [os.path.join(out, "photo.jpg"), os.path.join(out, "drawing.png"), *others]:
    name = os.path.basename(path)
    inputs = processor(images=Image.open(path), text="<image>answer en how many?", return_tensors="pt")
    tensors[name] = inputs["pixel_values"][0].contiguous()
save_file(tensors, os.path.join(out, "pixel_values.safetensors"))

cases = []
image = Image.open(os.path.join(out, "drawing.png"))
for text in ["answer en how many red stars are left of the clock?", "what colour is  the car", " \u00fcber caf\u00e9 \U0001f600?", "", "where is <loc0003> ?",
             "line\none\n\ntwo", "answer en is it <eos> here?"]:
    inputs = processor(images=image, text="<image>" + text)
    ids = np.array(inputs["input_ids"]).reshape(-1).tolist()
    cases.append({"text": text, "input_ids": ids, "decoded": fast.decode(ids, skip_special_tokens=True)})
    print(repr(text), ids)
with open(os.path.join(out, "input_ids.json"), "w") as file:
    json.dump(cases, file, indent=1)
