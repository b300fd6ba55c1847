"""A tiny random BERT as sentence-transformers saves it, and the embeddings that sentence-transformers computes with it.
Usage: python make_embedder_fixture.py OUT_DIR   needs: torch, transformers, sentence-transformers.
With `--embed FOLDER FILE.json`: writes the embeddings of the same sentences by any such folder."""
import json
import os
import sys

import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

SENTENCES = [
    "A dog runs on the beach.", "the cat sits on a red mat", "Two men are playing football in the park.",
    "", "unbelievable!", "Ein Café in Zürich, 3.5 km away?", "a " * 80,
]


def write(folder, file):
    model = SentenceTransformer(folder, device="cpu")
    embeddings = model.encode(SENTENCES, batch_size=3)
    json.dump({"sentences": SENTENCES, "embeddings": [[float(f"{x:.9g}") for x in row] for row in embeddings.tolist()]},
              open(file, "w"), indent=0)
    print(embeddings.shape, (embeddings @ embeddings.T).round(3)[0])


if sys.argv[1] == "--embed":
    write(sys.argv[2], sys.argv[3])
    sys.exit()
out = sys.argv[1]
torch.manual_seed(5)
torch.set_num_threads(1)
words = "a the dog cat run ##s on beach sit red mat two men are play ##ing foot ##ball in park un ##believ ##able cafe zurich km away ein".split()
letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list(".,!?0123456789") + letters + ["##" + c for c in letters] + words
vocabulary = list(dict.fromkeys(vocabulary))
inner = Tokenizer(models.WordPiece({word: at for at, word in enumerate(vocabulary)}, unk_token="[UNK]"))
inner.normalizer = normalizers.BertNormalizer()
inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
inner.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
base = os.path.join(out, "base")
PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
                        mask_token="[MASK]", model_max_length=48).save_pretrained(base)
model = BertModel(BertConfig(vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                             max_position_embeddings=48)).eval()
for name, parameter in model.named_parameters():
    with torch.no_grad():
        if parameter.dim() == 1:
            parameter.add_(torch.randn_like(parameter) * 0.3)
        else:
            parameter.mul_(6.0)
model.save_pretrained(base)
from sentence_transformers.models import Normalize, Pooling, Transformer
transformer = Transformer(base, max_seq_length=40)
sentence = SentenceTransformer(modules=[transformer, Pooling(32, pooling_mode="mean"), Normalize()], device="cpu")
sentence.save(out)
import shutil
shutil.rmtree(base)
for extra in ("README.md", "config_sentence_transformers.json"):
    if os.path.exists(os.path.join(out, extra)):
        os.remove(os.path.join(out, extra))
write(out, os.path.join(out, "embeddings.json"))
