"""Daft: a dataframe of questions, images downloaded into a column, `prompt` over both, written as Parquet."""

import os

import measure  # first, for its clock

os.environ.setdefault("OPENAI_API_KEY", "none")
os.environ.setdefault("DO_NOT_TRACK", "1")

import daft
from daft.ai.openai.provider import OpenAIProvider
from daft.functions import prompt

url, folder = measure.arguments()
provider = OpenAIProvider(name="scripted", base_url=url, api_key="none")
asked = daft.read_json(str(folder / "questions.jsonl"))
asked = asked.with_column("bytes", (daft.lit(f"{folder}/") + daft.col("image")).download())
asked = asked.with_column(
    "said",
    prompt(
        [daft.col("bytes"), daft.col("question")],
        provider=provider,
        model="m",
        use_chat_completions=True,
        concurrency=64,
        max_tokens=64,
    ),
)
written = folder / "daft"
asked.exclude("bytes").write_parquet(str(written), write_mode="overwrite")
measure.report("daft", daft.read_parquet(f"{written}/*.parquet").count_rows())
