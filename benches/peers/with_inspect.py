"""inspect_ai: one sample a question, the image as a data URI, 64 connections; its log is the result."""

import json
import os

import measure  # first, for its clock

os.environ.setdefault("INSPECT_DISPLAY", "none")

from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, get_model
from inspect_ai.solver import generate

url, folder = measure.arguments()


def sample(line):
    record = json.loads(line)
    content = [ContentImage(image=str(folder / record["image"])), ContentText(text=record["question"])]
    return Sample(input=[ChatMessageUser(content=content)], target=record.get("answer", ""))


samples = [sample(line) for line in (folder / "questions.jsonl").open()]
model = get_model("openai-api/scripted/m", base_url=url, api_key="none")
logs = eval(
    Task(dataset=MemoryDataset(samples), solver=generate()),
    model=model,
    max_connections=64,
    max_samples=64,
    max_tokens=64,
    log_dir=str(folder / "inspect"),
    log_images=False,
    score=False,
)
measure.report("inspect_ai", logs[0].results.completed_samples)
