"""A painter in this process against diffusers: blocks of FLUX.1's real width with random weights, the same folder and machine, two
threads, f32, one process after the other.
Usage: python benches/peers/flux.py FOLDER [SIDE]   needs: torch, transformers, diffusers. A pipeline of one block of either kind
(0.5 G parameters instead of 11.9) and the real autoencoder is written into FOLDER (2.5 GB) unless it is there. `AUDITDM` names the program,
`cargo run --release` otherwise. Prints the seconds of an image of one step: text, step, and pixels."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

THREADS = 2
TINY = os.path.join(os.path.dirname(__file__), "../../tests/data/flux/schnell")


def checkpoint(folder):
    import torch
    from diffusers import AutoencoderKL, FluxTransformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel
    shutil.copytree(TINY, folder)
    torch.manual_seed(1)
    words = json.load(open(os.path.join(folder, "text_encoder/config.json")))["vocab_size"]
    CLIPTextModel(CLIPTextConfig(vocab_size=words, hidden_size=768, num_hidden_layers=1, num_attention_heads=12, eos_token_id=words - 1,
                                 bos_token_id=words - 2)).save_pretrained(os.path.join(folder, "text_encoder"))
    T5EncoderModel(T5Config(vocab_size=200, d_model=4096, d_kv=64, d_ff=10240, num_layers=1, num_heads=64,
                            feed_forward_proj="gated-gelu")).save_pretrained(os.path.join(folder, "text_encoder_2"))
    FluxTransformer2DModel(num_layers=1, num_single_layers=1).save_pretrained(os.path.join(folder, "transformer"))
    AutoencoderKL(down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, block_out_channels=[128, 256, 512, 512],
                  layers_per_block=2, latent_channels=16, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False,
                  use_post_quant_conv=False).save_pretrained(os.path.join(folder, "vae"))


def theirs(folder, side):
    import torch
    from diffusers import FluxPipeline
    torch.set_num_threads(THREADS)
    pipe = FluxPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    times = []
    for _ in range(3):
        clock = time.perf_counter()
        pipe("a red dog", height=side, width=side, num_inference_steps=1, max_sequence_length=256)
        times.append(time.perf_counter() - clock)
    return min(times)


def ours(folder, side):
    with tempfile.TemporaryDirectory() as place:
        with open(os.path.join(place, "audit.toml"), "w") as file:
            file.write(f"""target = "a"
references = ["b"]
[source]
url = "lab://?scenes=3&seed=1"
[models.a.mock]
[models.b.mock]
[painter.local]
path = "{folder}"
steps = 1
size = "{side}x{side}"
[[probers]]
kind = "lab"
strategies = ["generation"]
probes = 1
""")
        program = [os.environ["AUDITDM"]] if "AUDITDM" in os.environ else ["cargo", "run", "--release", "--quiet", "--"]
        environment = {**os.environ, "RAYON_NUM_THREADS": str(THREADS)}
        tables = os.path.join(place, "tables")
        subprocess.run([*program, "audit", os.path.join(place, "audit.toml"), "--quiet", "--tables", tables], env=environment, check=True,
                       stdout=subprocess.DEVNULL)
        sql = "SELECT min(latency_ms) / 1000 AS s FROM calls WHERE role = 'painter'"
        done = subprocess.run([*program, "query", "--format", "csv", "--tables", tables, "--sql", sql], check=True, capture_output=True, text=True)
        return float(done.stdout.split()[1])


if __name__ == "__main__":
    if sys.argv[1] == "--theirs":
        print(theirs(sys.argv[2], int(sys.argv[3])))
        sys.exit()
    folder, side = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 512
    if not os.path.exists(folder):
        checkpoint(folder)
    mine = ours(folder, side)
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--theirs", folder, str(side)], check=True, capture_output=True, text=True)
    peer = float(done.stdout.split()[-1])
    print(f"{side} px: {mine:.2f} s; diffusers {peer:.2f} s; {peer / mine:.2f} times as fast")
