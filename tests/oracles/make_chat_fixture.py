"""A chat template, a tiny tokenizer and what transformers' Gemma3Processor makes of questions and images.
Usage: python make_chat_fixture.py ../data/processor/tokenizer.json OUT_DIR   needs: torch, torchvision, transformers, pillow."""
import json
import os
import sys

import numpy as np
from PIL import Image
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer
from transformers import Gemma3ImageProcessor, Gemma3Processor, PreTrainedTokenizerFast

base, out = sys.argv[1], sys.argv[2]
os.makedirs(out, exist_ok=True)
side, image_tokens = 28, 4

# Instruction-tuned Gemma 3 in short: instructions go before the first user's turn.
template = """{{ bos_token }}
{%- set ns = namespace(instructions='') -%}
{%- if messages[0]['role'] == 'system' -%}
    {%- set ns.instructions = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- set messages = messages[1:] -%}
{%- endif -%}
{%- for message in messages -%}
    {%- if message['role'] not in ['user', 'assistant'] -%}
        {{ raise_exception('only users and assistants speak') }}
    {%- endif -%}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
    {{ '<start_of_turn>' + role + '\\n' + (ns.instructions if loop.first else '') }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<start_of_turn>model\\n' }}
{%- endif -%}
"""
with open(os.path.join(out, "chat_template.jinja"), "w") as file:
    file.write(template)

tokenizer = Tokenizer.from_file(base)
names = ["<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>"]
tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in names])
tokenizer.save(os.path.join(out, "tokenizer.json"))
fast = PreTrainedTokenizerFast(
    tokenizer_file=os.path.join(out, "tokenizer.json"), bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>",
    extra_special_tokens={"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"})
settings = {"image_processor_type": "Gemma3ImageProcessor", "size": {"height": side, "width": side}, "resample": 2,
            "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255, "image_seq_length": image_tokens,
            "do_resize": True, "do_rescale": True, "do_normalize": True, "do_convert_rgb": True, "do_pan_and_scan": None}
with open(os.path.join(out, "preprocessor_config.json"), "w") as file:
    json.dump(settings, file, indent=1)
processor = Gemma3Processor(image_processor=Gemma3ImageProcessor.from_pretrained(out), tokenizer=fast, chat_template=template,
                            image_seq_length=image_tokens)

picture = Image.open(os.path.join(os.path.dirname(base), "drawing.png")).convert("RGB")
cases = []
for system, text, images in [
    (None, "how many red stars are left of the clock?", 1),
    (None, "  two images,\n\nspaces around \t", 2),
    ("answer in one word.", "what colour is the small car?", 1),
    (None, "no image at all", 0),
    ("", "größe 漢字 \u0007", 1),
]:
    content = [{"type": "image", "image": picture}] * images + [{"type": "text", "text": text}]
    messages = [{"role": "user", "content": content}]
    if system:
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": system}]})
    inputs = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt")
    cases.append({"system": system, "text": text, "images": images, "input_ids": inputs["input_ids"][0].tolist()})
    if images == 1:
        save_file({"drawing.png": inputs["pixel_values"][0].contiguous()}, os.path.join(out, "pixel_values.safetensors"))
with open(os.path.join(out, "input_ids.json"), "w") as file:
    json.dump(cases, file, ensure_ascii=False, indent=1)
    file.write("\n")
