"""Trains a tiny auditor with TRL's GRPOTrainer on rewards of `auditdm serve reward`.

Usage: python reward_from_trl.py BINARY [STEPS]   (3 by default; run in the repository's root, nothing is downloaded)

Needs trl, datasets and torch; checked with TRL 1.16 on a CPU. The functions are those of docs/reward.md, word for word; verl's
and OpenRLHF's are called too, without their trainers. The target is the lab's small checkpoint, its two references the larger
one under two prompts; images are named by their address. The auditor is a random two-layer model whose tokens are whole
lines, taught for a moment to put them in order, so that some completions have the form. Exits 1 when a check fails.
"""

import importlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import torch
from datasets import Dataset
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

CONFIG = """
label = "trl"
tables = "{tables}"
target = "target"
references = ["reference", "again"]
[source]
url = "lab://?scenes=16&seed=2&difficulty=1"
[models.target.local]
path = "{root}/data/lab-target"
[models.reference.local]
path = "{root}/data/lab-reference"
[models.again.local]
path = "{root}/data/lab-reference"
prompt_template = "answer {{question}}"
[answers]
max_tokens = 8
[reward]
"""

QUESTIONS = [
    f"how many {thing} are there?" for thing in ("circles", "stars", "fish", "trees", "hearts")
] + ["is it day or night?", "is there a clock in the image?", "is there a flag of japan in the image?"]
LINES = (
    [f"Question: {question}\n" for question in QUESTIONS]
    + [f"Category: {category}\n" for category in ("counting", "atmosphere", "hallucination avoidance")]
    + [f"Answer: {answer}\n" for answer in ("1", "2", "yes", "day")]
)


def tiny():
    words = ["<pad>", "<eos>", "ask\n", *LINES]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^\n]*\n"), "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>")
    tokenizer.padding_side = "left"
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, bos_token_id=2, eos_token_id=1, pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    kinds = [[words.index(line) for line in LINES if line.startswith(kind)] for kind in ("Question", "Category", "Answer")]
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(30):
        rows = [[2, *(kind[torch.randint(len(kind), ()).item()] for kind in kinds), 1] for _ in range(64)]
        rows = torch.tensor(rows)  # (B, T)
        optimiser.zero_grad()
        model(input_ids=rows, labels=rows).loss.backward()
        optimiser.step()
    return model, tokenizer


def serve(binary, folder, root):
    path = folder / "reward.toml"
    path.write_text(CONFIG.format(tables=folder / "auditdm-tables", root=root))
    command = [binary, "serve", "reward", path, "--listen", "127.0.0.1:0"]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said = service.stderr.readline()
    found = re.search(r"http://\S+/reward", said)
    assert found, said + service.stderr.read()
    return service, found.group()


def main():
    binary, steps = str(pathlib.Path(sys.argv[1]).resolve()), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(tempfile.mkdtemp())
    for name, code in re.findall(r"```python\n# (\w+)\.py\n(.*?)```", (root / "docs/reward.md").read_text(), re.S):
        (folder / f"{name}.py").write_text(code)
    sys.path.insert(0, str(folder))
    service, url = serve(binary, folder, root)
    os.environ.update(AUDITDM_REWARD_URL=url, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    try:
        train(steps, folder)
        others()
    finally:
        service.terminate()
        assert service.wait(60) == 0
    sql = "SELECT count(*) FROM probes UNION ALL SELECT count(*) FROM divergences UNION ALL SELECT count(*) FROM verdicts"
    query = [binary, "query", "--tables", folder / "auditdm-tables", "--format", "csv", "--sql", sql]
    print("probes, divergences, verdicts:", subprocess.check_output(query, text=True).split()[1:])


def train(steps, folder):
    given = importlib.import_module("reward_trl").reward
    told, seconds = [], []

    def reward(**columns):
        clock = time.monotonic()
        rewards = given(**columns)
        seconds.append(time.monotonic() - clock)
        told.append(rewards)
        return rewards

    model, tokenizer = tiny()
    images = [f"lab://?seed=2&difficulty=1&split=held_out#{scene}" for scene in range(16)]
    data = Dataset.from_list([{"prompt": "ask\n", "address": image, "strategy": "question"} for image in images])
    arguments = GRPOConfig(
        output_dir=str(folder / "out"), max_steps=steps, per_device_train_batch_size=32, num_generations=8,
        max_completion_length=4, learning_rate=2e-3, logging_steps=1, report_to=[], use_cpu=True, save_strategy="no",
        beta=0.0, seed=1, disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        model=model, reward_funcs=[reward], args=arguments, train_dataset=data, processing_class=tokenizer
    )
    before = [parameter.detach().clone() for parameter in model.parameters()]
    trainer.train()
    moved = any(not torch.equal(old, new) for old, new in zip(before, model.parameters()))
    for number, rewards in enumerate(told):
        known = [value for value in rewards if value is not None]
        if number < 3 or number >= steps - 3:
            mean = sum(known) / max(len(known), 1)
            print(f"step {number + 1}: {len(known)} of {len(rewards)} rewarded, mean {mean:.2f}, {seconds[number]:.2f} s")
    flat = [value for rewards in told for value in rewards]
    assert len(told) == steps and any(value is None for value in flat) and {0.0} < {value for value in flat if value is not None}
    assert all(value is None or 0 <= value <= 1 for value in flat)
    assert moved, "the auditor did not learn"
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters()), "a missing reward became NaN"


def others():
    """The functions for verl and OpenRLHF, called as these call them (verl 0.9, OpenRLHF 0.11)."""
    image = "lab://?seed=2&difficulty=1&split=held_out#3"
    about = {"image": image, "strategy": "question"}
    good = "Question: how many circles are there?\nCategory: counting\nAnswer: 2"
    verl = importlib.import_module("reward_verl").compute_score
    said = verl(data_source="auditor", solution_str=good, ground_truth="", extra_info=about)
    assert said["known"] == 1.0 and said["valid"] == 1.0 and 0 <= said["score"] <= 1, said
    assert verl(data_source="auditor", solution_str="no form", ground_truth="", extra_info=about)["score"] == 0.0
    openrlhf = importlib.import_module("reward_openrlhf").reward_func
    query = f"<bos><start_of_turn>user\nAsk.<end_of_turn>\n<start_of_turn>model\n{good}<end_of_turn>"
    rows = openrlhf([query], ["Ask."], [json.dumps(about)])
    assert rows["rewards"].tolist() == [said["score"]] and rows["extra_logs"]["known"].tolist() == [1.0], rows
    print("verl:", said, "OpenRLHF:", rows)


main()
