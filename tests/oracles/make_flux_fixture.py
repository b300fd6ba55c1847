"""Tiny random FLUX.1 pipelines as diffusers saves them, and what diffusers computes with them.
Usage: python make_flux_fixture.py OUT_DIR   needs: torch, transformers, diffusers.
With `--of FOLDER FILE.safetensors`: the same figures of any such folder (weights are computed in f32)."""
import json
import os
import string
import sys

import torch
from diffusers import (AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxKontextPipeline, FluxPipeline,
                       FluxTransformer2DModel)
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

CAPTION = "A Café's 2 red   Dogs, left of the <blue> cat — it's 10:09! naïve ÀÉ 日本"


@torch.no_grad()
def write(folder, file):
    index = json.load(open(os.path.join(folder, "model_index.json")))
    kontext = index["_class_name"] == "FluxKontextPipeline"
    pipe = (FluxKontextPipeline if kontext else FluxPipeline).from_pretrained(folder, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    tokens = 512 if pipe.transformer.config.guidance_embeds else 256
    guidance, steps, side = 2.5, 3, 8 * 2 * pipe.vae_scale_factor
    clip = pipe.tokenizer(CAPTION, truncation=True, max_length=pipe.tokenizer_max_length)["input_ids"]
    t5 = pipe.tokenizer_2(CAPTION, truncation=True, max_length=tokens, padding="max_length")["input_ids"]
    text, pooled, text_ids = pipe.encode_prompt(CAPTION, CAPTION, max_sequence_length=tokens)
    generator = torch.Generator().manual_seed(7)
    channels = pipe.transformer.config.in_channels // 4
    height, width = 12, 16  # of the latents
    noise = torch.randn(1, channels, height, width, generator=generator)
    packed = pipe._pack_latents(noise, 1, channels, height, width)
    ids = pipe._prepare_latent_image_ids(1, height // 2, width // 2, "cpu", torch.float32)
    factor = pipe.vae_scale_factor
    pixels = torch.rand(1, 3, 8 * factor, 12 * factor, generator=generator) * 2 - 1
    config = pipe.vae.config
    latents = (pipe.vae.encode(pixels).latent_dist.mode() - config.shift_factor) * config.scaling_factor
    sigma = torch.tensor([0.75])

    def velocity(states, places):
        scale = torch.tensor([guidance]) if pipe.transformer.config.guidance_embeds else None
        moved = pipe.transformer(hidden_states=states, timestep=sigma, guidance=scale, pooled_projections=pooled,
                                 encoder_hidden_states=text, txt_ids=text_ids, img_ids=places, return_dict=False)[0]
        return moved[:, : packed.shape[1]]

    def paint(**image):
        size = {} if not kontext else {"max_area": height * width * factor * factor, "_auto_resize": False}
        out = pipe(prompt=CAPTION, height=height * factor, width=width * factor, num_inference_steps=steps, guidance_scale=guidance,
                   latents=packed, max_sequence_length=tokens, output_type="latent", **size, **image).images
        unpacked = pipe._unpack_latents(out, height * factor, width * factor, factor)
        return pipe.vae.decode(unpacked / config.scaling_factor + config.shift_factor).sample

    result = {
        "caption": torch.tensor(list(CAPTION.encode()), dtype=torch.uint8),
        "clip_ids": torch.tensor(clip, dtype=torch.float32), "t5_ids": torch.tensor(t5, dtype=torch.float32),
        "pooled": pooled, "text": text, "guidance": torch.tensor([guidance]), "sigma": sigma,
        "noise": noise, "velocity": velocity(packed, ids), "pixels": pixels, "latents": latents,
        "decoded": pipe.vae.decode(noise / config.scaling_factor + config.shift_factor).sample, "painted": paint(),
    }
    result["sigmas"] = pipe.scheduler.sigmas.float()
    if kontext:
        base = pipe._pack_latents(latents, 1, channels, *latents.shape[2:])
        base_ids = pipe._prepare_latent_image_ids(1, latents.shape[2] // 2, latents.shape[3] // 2, "cpu", torch.float32)
        base_ids[..., 0] = 1
        result["edit_velocity"] = velocity(torch.cat([packed, base], 1), torch.cat([ids, base_ids]))
        encode = pipe._encode_vae_image
        pipe._encode_vae_image = lambda image, generator: latents  # these pixels, not their 8-bit copy
        result["edited"] = paint(image=Image.new("RGB", (12 * factor, 8 * factor)))
        pipe._encode_vae_image = encode
    save_file({name: tensor.contiguous() for name, tensor in result.items()}, file)
    for name, tensor in result.items():
        print(f"{name:<14} {tuple(tensor.shape)} {tensor.float().abs().max().item():.3g}")


def clip_tokenizer():
    bytes_ = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters = [chr(b) for b in bytes_] + [chr(256 + n) for n in range(256 - len(bytes_))]
    merges = ["r e", "re d</w>", "d o", "do g", "dog s</w>", "t h", "th e</w>", "o f</w>", "c a", "ca t</w>", "a f"]
    words = letters + [letter + "</w>" for letter in letters] + ["".join(pair.split()) for pair in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    return {word: at for at, word in enumerate(words)}, merges


def t5_tokenizer():
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(word, -3.0) for word in ["▁A", "▁the", "▁red", "▁Dog", "s", "▁of", "▁left", "▁cat", "▁it"]]
    pieces += [(letter, -6.0) for letter in string.printable.strip() + "éï—" if letter not in "s"]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


def make(out, kontext, seed):
    torch.manual_seed(seed)
    vocabulary, merges = clip_tokenizer()
    clip_words = CLIPTokenizer(vocab=vocabulary, merges=[tuple(merge.split()) for merge in merges], model_max_length=77)
    t5_words = t5_tokenizer()
    clip = CLIPTextModel(CLIPTextConfig(vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
                                        num_attention_heads=2, max_position_embeddings=77, projection_dim=16,
                                        bos_token_id=len(vocabulary) - 2, eos_token_id=2 if kontext else len(vocabulary) - 1))
    t5 = T5EncoderModel(T5Config(vocab_size=len(t5_words) + 3, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_heads=3,
                                 feed_forward_proj="gated-gelu", tie_word_embeddings=False))
    transformer = FluxTransformer2DModel(in_channels=16, num_layers=2, num_single_layers=2, attention_head_dim=16,
                                         num_attention_heads=2, joint_attention_dim=16, pooled_projection_dim=16,
                                         guidance_embeds=kontext, axes_dims_rope=(4, 6, 6))
    vae = AutoencoderKL(down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3,
                        block_out_channels=[8, 8, 16], layers_per_block=1, latent_channels=4, norm_num_groups=4,
                        scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=kontext, use_post_quant_conv=kontext)
    dynamic = {"shift": 3.0, "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}
    scheduler = FlowMatchEulerDiscreteScheduler(**(dynamic if kontext else {"shift": 1.5}))
    with torch.no_grad():  # everything counts, nothing is 0 or 1
        for model in (clip, t5, transformer, vae):
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(torch.randn_like(parameter) * 0.2)
                else:
                    parameter.copy_(torch.randn_like(parameter) * (0.5 if parameter.shape[0] > 300 else 1.2 / parameter[0].numel() ** 0.5))
    parts = dict(scheduler=scheduler, vae=vae, text_encoder=clip, tokenizer=clip_words, text_encoder_2=t5,
                 tokenizer_2=t5_words, transformer=transformer)
    pipe = (FluxKontextPipeline if kontext else FluxPipeline)(**parts)
    # One of the two as hubs hold them: halves, in shards.
    pipe.to(torch.bfloat16 if kontext else torch.float32)
    pipe.save_pretrained(out)
    if kontext:
        transformer.save_pretrained(os.path.join(out, "transformer"), max_shard_size="60KB")
        os.remove(os.path.join(out, "transformer", "diffusion_pytorch_model.safetensors"))
    else:  # CLIP's tokenizer as FLUX.1's folders have it
        place = os.path.join(out, "tokenizer")
        for name in os.listdir(place):
            os.remove(os.path.join(place, name))
        json.dump(vocabulary, open(os.path.join(place, "vocab.json"), "w"), ensure_ascii=False)
        open(os.path.join(place, "merges.txt"), "w").write("#version: 0.2\n" + "\n".join(merges) + "\n")
        json.dump({"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}, open(os.path.join(place, "tokenizer_config.json"), "w"))
    write(out, os.path.join(out, "fixture.safetensors"))


torch.set_num_threads(1)
if sys.argv[1] == "--of":
    write(sys.argv[2], sys.argv[3])
else:
    make(os.path.join(sys.argv[1], "kontext"), True, 11)
    make(os.path.join(sys.argv[1], "schnell"), False, 12)
