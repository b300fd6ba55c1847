"""Tiny random-weight checkpoints and reference activations from HF transformers (eager, f32).
Usage: python make_parity.py OUT_DIR [SEED]   needs: torch, transformers, safetensors."""
import sys, os, json, torch
from safetensors.torch import save_file
import transformers as tf
out, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 7
torch.manual_seed(seed); torch.set_num_threads(1)

def jitter(m):
    for n, p in m.named_parameters():
        with torch.no_grad():
            if 'mm_input_projection' in n: p.normal_(0, 0.2)        # begins as zeros: no image would reach the decoder
            elif p.dim() == 1: p.add_(torch.randn_like(p) * 0.3)      # norms and biases away from their init
            elif 'embed' not in n: p.mul_(3.0)
            elif 'embed_tokens' in n: p.mul_(6.0); p[300:] = 0; p[:2] = 0   # special tokens never win a greedy step
    return m.eval()

def save(name, m, extra):
    d = os.path.join(out, name); os.makedirs(d, exist_ok=True); m.save_pretrained(d)
    save_file({k: v.contiguous() for k, v in extra.items()}, os.path.join(d, 'parity.safetensors'))
    print(name, {k: tuple(v.shape) for k, v in extra.items()}, tf.__version__)

def run(name, m, pix, ids, mask, tt, gen):
    kw = dict(pixel_values=pix, input_ids=ids, attention_mask=mask, token_type_ids=tt)
    with torch.no_grad():
        logits = m(**kw).logits.float()
        toks = m.generate(**kw, max_new_tokens=gen, min_new_tokens=gen, do_sample=False, use_cache=True)[:, ids.shape[1]:]
        # the same by teacher forcing without a cache: suffix tokens are causal (token type 1 for PaliGemma's prefix-LM mask)
        one = torch.ones_like(toks); sfx = one if 'pali' in name else torch.zeros_like(toks)
        again = m(pixel_values=pix, input_ids=torch.cat([ids, toks], 1), attention_mask=torch.cat([mask, one], 1),
                  token_type_ids=torch.cat([tt, sfx], 1)).logits[:, ids.shape[1] - 1:-1].argmax(-1)
        print(name, 'cached decode equals full forward:', bool((again == toks).all()))
    save(name, m, dict(pixel_values=pix, input_ids=ids, attention_mask=mask, token_type_ids=tt, logits=logits, generated_ids=toks))

vis = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, patch_size=14, image_size=28, num_image_tokens=4)
# PaliGemma 2: GQA, query_pre_attn_scalar != head_dim, soft caps, window shorter than the sequence, left padding
t2 = tf.Gemma2Config(vocab_size=320, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1, head_dim=24,
                     query_pre_attn_scalar=40, attn_logit_softcapping=1.0, final_logit_softcapping=15.0, sliding_window=8, max_position_embeddings=256)
cfg = tf.PaliGemmaConfig(vision_config=tf.SiglipVisionConfig(**vis, projection_dim=64), text_config=t2, image_token_index=319, projection_dim=64, hidden_size=64)
cfg._attn_implementation = 'eager'
m = jitter(tf.PaliGemmaForConditionalGeneration(cfg).float())
def pali(B, T, pad):
    ids = torch.randint(5, 300, (B, 4 + T)); ids[:, :4] = 319; mask = torch.ones_like(ids); tt = torch.zeros_like(ids)
    for b in range(B):
        k = pad[b]
        if k: ids[b] = torch.cat([torch.zeros(k, dtype=torch.long), ids[b, :-k]]); mask[b, :k] = 0
    return ids, mask, tt
for nm, B, T, pad in (('paligemma2-one', 1, 11, [0]), ('paligemma2-batch', 2, 12, [3, 0])):
    ids, mask, tt = pali(B, T, pad); run(nm, m, torch.randn(B, 3, 28, 28), ids, mask, tt, 6)

# Gemma 3: 5 local to 1 global, linear rope factor on global layers, q/k norm, 4x4 average pool, window shorter than sequence
vis3 = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, patch_size=14, image_size=112)
t3 = tf.Gemma3TextConfig(vocab_size=340, hidden_size=64, intermediate_size=128, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2, head_dim=24,
                         query_pre_attn_scalar=30, sliding_window=8, max_position_embeddings=512,
                         rope_parameters={"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}})
cfg3 = tf.Gemma3Config(vision_config=tf.SiglipVisionConfig(**vis3), text_config=t3, mm_tokens_per_image=4, image_token_index=330, boi_token_index=331, eoi_token_index=332)
cfg3._attn_implementation = 'eager'
g = jitter(tf.Gemma3ForConditionalGeneration(cfg3).float())
def gem(B, T, n_img):
    rows = []
    for b in range(B):
        r = [2] + torch.randint(5, 300, (3,)).tolist()
        for _ in range(n_img): r += [331] + [330] * 4 + [332] + torch.randint(5, 300, (4,)).tolist()
        r += torch.randint(5, 300, (T,)).tolist(); rows.append(r)
    ids = torch.tensor(rows); return ids, torch.ones_like(ids), (ids == 330).long()
for nm, B, T, k in (('gemma3-one', 1, 15, 1), ('gemma3-two-images', 2, 8, 2)):
    ids, mask, tt = gem(B, T, k); run(nm, g, torch.randn(B * k, 3, 112, 112), ids, mask, tt, 6)
