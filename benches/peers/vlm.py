"""This crate's networks against PyTorch and transformers: the same checkpoints, inputs and machine, two threads, f32, one
process after the other.
Usage: python benches/peers/vlm.py FOLDER [MODE ...]   needs: torch, transformers. Checkpoints with random weights are
written into FOLDER (2.6 GB) unless they are there. MODE: train_128, train_256, forward, generate, generate_gemma3, lora; all by default.
Prints for each: seconds of the quickest run, peak memory, a number that both sides must agree on, and the ratio of times."""
import json
import os
import resource
import subprocess
import sys
import time

THREADS = 2
MODES = {"train_128": ("train", "text_128", 128, 50), "train_256": ("train", "text_256", 64, 64),
         "forward": ("forward", "paligemma"), "generate": ("generate", "paligemma"), "generate_gemma3": ("generate", "gemma3"), "lora": ("lora", "paligemma")}


def checkpoints(folder):
    import torch
    import transformers as tf
    torch.manual_seed(1)
    for width, layers in ((128, 3), (256, 6)):
        path = os.path.join(folder, f"text_{width}")
        if not os.path.exists(path):
            config = tf.Gemma3TextConfig(vocab_size=2048, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
                                         num_attention_heads=4, num_key_value_heads=4, head_dim=width // 4, query_pre_attn_scalar=width // 4)
            tf.Gemma3ForCausalLM(config).float().save_pretrained(path)
    path = os.path.join(folder, "paligemma")
    if not os.path.exists(path):
        vision = tf.SiglipVisionConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, patch_size=14,
                                       image_size=224, projection_dim=1024)
        text = tf.Gemma2Config(vocab_size=32000, hidden_size=1024, intermediate_size=4096, num_hidden_layers=12, num_attention_heads=8,
                               num_key_value_heads=4, head_dim=128, query_pre_attn_scalar=128)
        config = tf.PaliGemmaConfig(vision_config=vision, text_config=text, image_token_index=31999, projection_dim=1024, hidden_size=1024)
        tf.PaliGemmaForConditionalGeneration(config).float().save_pretrained(path)
    path = os.path.join(folder, "gemma3")
    if not os.path.exists(path):
        vision = tf.SiglipVisionConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, patch_size=14,
                                       image_size=224)
        text = tf.Gemma3TextConfig(vocab_size=32000, hidden_size=1024, intermediate_size=4096, num_hidden_layers=12, num_attention_heads=8,
                                   num_key_value_heads=4, head_dim=128, query_pre_attn_scalar=128, sliding_window=512)
        config = tf.Gemma3Config(vision_config=vision, text_config=text, mm_tokens_per_image=256, image_token_index=31999,
                                 boi_token_index=31998, eoi_token_index=31997)
        model = tf.Gemma3ForConditionalGeneration(config).float()
        torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=0.03)
        model.save_pretrained(path)


def token(at, vocabulary):
    return at * 7919 % (vocabulary - 10) + 5


def quickest(runs, run):
    last, shortest = run(), float("inf")
    for _ in range(runs):
        clock = time.perf_counter()
        last = run()
        shortest = min(shortest, time.perf_counter() - clock)
    return shortest, float(last)


def theirs(mode, path, batch=0, length=0):
    import torch
    import transformers as tf
    torch.set_num_threads(THREADS)
    if mode == "train":
        model = tf.Gemma3ForCausalLM.from_pretrained(path).float().train()
        ids = torch.tensor([[token(row * length + at, 2048) for at in range(length)] for row in range(batch)])
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.98), weight_decay=0.02)

        def step():
            optimiser.zero_grad()
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            return loss
        return quickest(5, step)
    chat = os.path.basename(path) == "gemma3"
    architecture = tf.Gemma3ForConditionalGeneration if chat else tf.PaliGemmaForConditionalGeneration
    model = architecture.from_pretrained(path).float().eval()
    rows, images = (16, 4) if mode == "generate" else (4, 4)
    pixels = torch.tensor([((at % 1009) / 504.5 - 1.0) * 0.9 for at in range(images * 3 * 224 * 224)]).reshape(images, 3, 224, 224)
    image = [2, 31998] + [31999] * 256 + [31997] if chat else [31999] * 256
    ids = torch.tensor([image + [token(row * 16 + at, 31000) for at in range(16)] for row in range(rows)])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels.repeat_interleave(rows // images, 0),
              "token_type_ids": (ids == 31999).long() if chat else torch.zeros_like(ids)}
    if mode == "forward":
        def forward():
            with torch.no_grad():
                return model(**inputs, logits_to_keep=1, use_cache=False).logits.max()
        return quickest(5, forward)
    if mode == "generate":
        def generate():
            with torch.no_grad():
                return model.generate(**inputs, max_new_tokens=16, min_new_tokens=16, do_sample=False, eos_token_id=None)[:, ids.shape[1]:].sum()
        return quickest(1, generate)
    from peft import LoraConfig, get_peft_model
    names = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=r".*language_model.*\.(" + "|".join(names) + ")"))
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, betas=(0.9, 0.98))
    labels = torch.tensor([token(at, 31000) for at in range(32)])

    def step():
        optimiser.zero_grad()
        logits = model(**inputs, logits_to_keep=8, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels)
        loss.backward()
        optimiser.step()
        return loss
    return quickest(2, step)


def run(command):
    environment = {**os.environ, "RAYON_NUM_THREADS": str(THREADS), "OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        sys.exit(f"{command}:\n{done.stdout}{done.stderr}")
    return json.loads(lines[-1])


if __name__ == "__main__":
    if sys.argv[1] == "--theirs":
        mode, *rest = MODES[sys.argv[3]]
        seconds, check = theirs(mode, os.path.join(sys.argv[2], rest[0]), *rest[1:])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(json.dumps({"seconds": seconds, "check": check, "peak_mb": peak}))
        sys.exit()
    folder, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:] or list(MODES)
    checkpoints(folder)
    program = os.environ.get("AUDITDM_BENCH")  # the bench's executable, where it is built already
    for name in wanted:
        mode, path, *sizes = MODES[name]
        begin = [program] if program else ["cargo", "bench", "--quiet", "--bench", "vlm", "--"]
        ours = run([*begin, mode, os.path.join(folder, path), *map(str, sizes)])
        peer = run([sys.executable, os.path.abspath(__file__), "--theirs", folder, name])
        paper = f", {ours['peak_to_paper']:.2f} of the sum on paper" if ours["peak_to_paper"] else ""
        print(f"{name}: {ours['seconds']:.3f} s and {ours['peak_mb']} MB{paper}; transformers {peer['seconds']:.3f} s and "
              f"{peer['peak_mb']} MB; {peer['seconds'] / ours['seconds']:.2f} times as fast; checks {ours['check']:.4f} {peer['check']:.4f}",
              flush=True)
