"""A bare loop: 64 coroutines over one list, no retries, no identities, nothing kept until the end."""

import asyncio
import base64
import json

import measure  # first, for its clock

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq


async def ask(session, url, folder, waiting, answers):
    for line in waiting:
        record = json.loads(line)
        image = base64.b64encode((folder / record["image"]).read_bytes()).decode()
        content = [
            {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{image}"}},
            {"type": "text", "text": record["question"]},
        ]
        body = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": content}]}
        async with session.post(f"{url}/chat/completions", json=body) as reply:
            said = (await reply.json())["choices"][0]["message"]["content"]
        answers.append({**record, "said": said})


async def main():
    url, folder = measure.arguments()
    waiting, answers = iter((folder / "questions.jsonl").open()), []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(ask(session, url, folder, waiting, answers) for _ in range(64)))
    pq.write_table(pa.Table.from_pylist(answers), folder / "aiohttp.parquet")
    measure.report("aiohttp", len(answers))


asyncio.run(main())
