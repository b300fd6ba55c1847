"""Loads every export in the library that it is for, and compares rows, pictures and texts.

Usage: python load_exports.py FOLDER

FOLDER has one export a format, named as the format: `auditdm export FORMAT --output FOLDER/FORMAT`. Formats whose folder is
missing are skipped and named; a library that is not installed likewise. Needs datasets and pillow; webdataset, trl,
inspect-ai, lmms-eval, pandas as far as their formats are there. Exits 1 when something does not load as it must.
"""

import base64
import importlib.util
import io
import json
import os
import pathlib
import sys

from PIL import Image


def hf(folder):
    from datasets import Image as Picture
    from datasets import load_dataset

    data = load_dataset(str(folder))
    rows = 0
    for split in data.values():
        assert isinstance(split.features["image"], Picture), split.features
        for row in split:
            assert row["image"].size[0] > 0 and row["prompt"].strip() and row["completion"].strip(), row
            rows += 1
    roots = [set(split["root_image_id"]) for split in data.values()]
    assert len(roots) < 2 or not roots[0] & roots[1], "a root image is in two splits"
    return rows


def conversations(folder, columns):
    from datasets import load_dataset

    data = load_dataset(str(folder), split="train")
    assert type(data.features["images"]).__name__ in ("Sequence", "List"), data.features
    for row in data:
        assert len(row["images"]) == 1 and row["images"][0].size[0] > 0
        for column in columns:
            assert [sorted(turn) for turn in row[column]] == [["content", "role"]], row[column]
            assert row[column][0]["content"].strip()
    return data


def trl(folder, columns):
    data = conversations(folder, columns)
    if importlib.util.find_spec("trl"):
        from trl.data_utils import is_conversational, maybe_apply_chat_template  # noqa: F401

        assert is_conversational(data[0]), data[0]
        if "rejected" in columns:
            assert all(row["chosen"] != row["rejected"] for row in data)
        try:
            from trl.data_utils import prepare_multimodal_messages
        except ImportError:
            return data.num_rows
        row = data[0]
        last = row.get("completion") or row.get("chosen") or []
        prepared = prepare_multimodal_messages(row["prompt"] + last, images=row["images"])
        kinds = [part["type"] for part in prepared[0]["content"]]
        assert kinds == ["image", "text"], prepared
    return data.num_rows


def verl(folder):
    data = conversations(folder, ["prompt"])
    for row in data:
        assert row["prompt"][0]["content"].count("<image>") == len(row["images"])
        assert row["reward_model"]["ground_truth"].strip() and row["extra_info"]["index"]
    return data.num_rows


def llama_factory(folder):
    """The checks of LLaMA-Factory's own converter and aligner, on what `datasets` reads."""
    from datasets import load_dataset

    info = json.loads((folder / "dataset_info.json").read_text())
    rows = 0
    for entry in info.values():
        assert entry["formatting"] == "sharegpt"
        data = load_dataset("json", data_files=str(folder / entry["file_name"]), split="train")
        tags = entry["tags"]
        for row in data:
            turns = row[entry["columns"]["messages"]]
            roles = [turn[tags["role_tag"]] for turn in turns]
            assert roles == [tags["user_tag"], tags["assistant_tag"]], roles
            text = "".join(turn[tags["content_tag"]] for turn in turns)
            images = row[entry["columns"]["images"]]
            assert text.count("<image>") == len(images)
            for image in images:
                Image.open(folder / image).load()
            rows += 1
    return rows


def llava(folder):
    records = json.loads((folder / "train.json").read_text())
    for record in records:
        Image.open(folder / record["image"]).load()
        first, second = record["conversations"]
        assert first["from"] == "human" and first["value"].startswith("<image>\n") and second["from"] == "gpt"
    return len(records)


def webdataset(folder):
    import webdataset as wds

    rows = 0
    shards = [str(path) for path in sorted(folder.glob("*.tar"))]
    for sample in wds.WebDataset(shards, shardshuffle=False).decode("pil"):
        picture = sample.get("png") or sample.get("jpg") or sample.get("webp")
        assert picture.size[0] > 0 and sample["json"]["answer"], sample["__key__"]
        rows += 1
    return rows


def vlmevalkit(folder):
    import pandas

    rows = 0
    for path in sorted(folder.glob("*.tsv")):
        data = pandas.read_csv(path, sep="\t", dtype={"answer": str}, keep_default_na=False)
        images = dict(zip(data["index"], data["image"].astype(str)))
        for _, row in data.iterrows():
            image = str(row["image"])
            image = images[int(image)] if len(image) <= 64 else image
            Image.open(io.BytesIO(base64.b64decode(image))).load()
            if path.stem.endswith("_MCQ"):
                assert row[row["answer"]].strip(), row
        rows = max(rows, len(data))
        print(f"    {path.name}: {len(data)} rows")
    return rows


def ms_swift(folder):
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    for row in rows:
        assert row["messages"][0]["content"].count("<image>") == len(row["images"])
        Image.open(folder / row["images"][0]).load()
        assert row["solution"] == row["messages"][-1]["content"]
    return len(rows)


def inspect_ai(folder):
    from inspect_ai.dataset import json_dataset

    data = json_dataset(str(folder / "train.jsonl"))
    for sample in data:
        content = sample.input[0].content
        assert [part.type for part in content] == ["image", "text"], content
        image = pathlib.Path(content[0].image)
        Image.open(image if image.is_absolute() else folder / image).load()
        assert sample.target
        if sample.choices:
            assert sample.target in "ABCDEFGHIJ"[: len(sample.choices)]
    return len(data)


def lmms_eval(folder):
    import yaml
    from datasets import load_dataset

    if importlib.util.find_spec("lmms_eval"):
        from lmms_eval.tasks import TaskManager, get_task_dict

        os.chdir(folder)  # data files are named from there
        manager = TaskManager(include_path=str(folder), include_defaults=False)
        names = [yaml.safe_load(path.read_text())["task"] for path in folder.glob("*.yaml")]
        tasks = get_task_dict(names, manager)
        for task in tasks.values():
            first = task.test_docs()[0]
            assert task.doc_to_text(first) and task.doc_to_target(first) and task.doc_to_visual(first)[0].size[0] > 0
    rows = 0
    for path in sorted(folder.glob("*.yaml")):
        task = yaml.safe_load(path.read_text())
        files = {split: str(folder / pattern) for split, pattern in task["dataset_kwargs"]["data_files"].items()}
        data = load_dataset(task["dataset_path"], data_files=files)[task["test_split"]]
        for row in data:
            assert row[task["doc_to_visual"]].size[0] > 0 and row[task["doc_to_text"]] and row[task["doc_to_target"]]
            rows += 1
    return rows


FORMATS = {
    "hf": hf,
    "trl-sft": lambda folder: trl(folder, ["prompt", "completion"]),
    "trl-grpo": lambda folder: trl(folder, ["prompt"]),
    "trl-dpo": lambda folder: trl(folder, ["prompt", "chosen", "rejected"]),
    "llama-factory": llama_factory,
    "llava": llava,
    "webdataset": webdataset,
    "vlmevalkit": vlmevalkit,
    "ms-swift": ms_swift,
    "verl": verl,
    "inspect-ai": inspect_ai,
    "lmms-eval": lmms_eval,
}


def main(root: pathlib.Path) -> int:
    faults = 0
    for name, load in FORMATS.items():
        folder = root / name
        if not folder.is_dir():
            print(f"{name}: skipped, there is no {folder}")
            continue
        try:
            print(f"{name}: {load(folder)} rows")
        except ImportError as missing:
            print(f"{name}: skipped, {missing}")
        except Exception as fault:  # noqa: BLE001: every format gets its turn
            faults += 1
            print(f"{name}: FAILED: {type(fault).__name__}: {str(fault)[:600]}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
