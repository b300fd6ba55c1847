"""Writes tests/data/benchmarks/: every benchmark in a form in which people hold it, a few questions each, and predictions.

Needs pyarrow. Images are little flags, the same in every run.
    python tests/oracles/make_benchmarks.py tests/data/benchmarks
"""

import base64
import json
import os
import struct
import sys
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

OUT = sys.argv[1]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(seed, width=40, height=30):
    """A flag of three stripes."""
    colors = [((seed * 67 + n * 90) % 256, (seed * 31 + n * 50) % 256, (seed * 113) % 256) for n in range(3)]
    row = lambda y: b"\0" + bytes(colors[3 * y // height]) * width
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(row(y) for y in range(height)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def image(seed):
    return {"bytes": png(seed), "path": f"{seed}.png"}


def b64(seed):
    return base64.b64encode(png(seed)).decode()


def path(name):
    os.makedirs(os.path.dirname(os.path.join(OUT, name)), exist_ok=True)
    return os.path.join(OUT, name)


def parquet(name, rows, **types):
    fields = []
    for key in rows[0]:
        if key in types:
            fields.append((key, types[key]))
        elif any(isinstance(row[key], dict) and "bytes" in row[key] for row in rows):
            fields.append((key, IMAGE))
        else:
            fields.append((key, pa.array([row[key] for row in rows]).type))
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), path(name), compression="zstd")


def tsv(name, rows):
    keys = list(rows[0])
    cell = lambda v: '"' + str(v).replace('"', '""') + '"' if any(c in str(v) for c in '\t\n"') else str(v)
    with open(path(name), "w") as file:
        for row in [dict(zip(keys, keys))] + rows:
            file.write("\t".join(cell(row[key]) for key in keys) + "\n")


def dump(name, value, lines=False):
    with open(path(name), "w") as file:
        file.write("\n".join(map(json.dumps, value)) + "\n" if lines else json.dumps(value, indent=1) + "\n")


def predictions(name, pairs, key="question_id", text="prediction"):
    dump(f"predictions/{name}.jsonl", [{key: k, text: t} for k, t in pairs], lines=True)


ten = lambda **counts: [{"answer": a, "answer_confidence": "yes", "answer_id": n + 1}
                        for n, a in enumerate(a for a, c in counts.items() for _ in range(c))]

# VQAv2: Hugging Face, and the original pair of files.
vqa = [
    (1000, 1, "What color is the top?", ten(red=8, orange=2), "other", "what color is"),
    (1001, 1, "How many stripes are there?", ten(three=5, **{"3": 5}), "number", "how many"),
    (2000, 2, "Is this a flag?", ten(yes=10), "yes/no", "is this a"),
    (3000, 3, "Is it raining?", ten(no=7, yes=2, maybe=1), "yes/no", "is it"),
]
parquet("vqav2.parquet", [dict(question_type=t, multiple_choice_answer=a[0]["answer"], answers=a, image_id=i, answer_type=k,
                               question_id=q, question=text, image=image(i)) for q, i, text, a, k, t in vqa])
dump("vqav2/questions.json", {"data_subtype": "val2014", "questions": [
    {"image_id": i, "question": text, "question_id": q} for q, i, text, *_ in vqa]})
dump("vqav2/annotations.json", {"annotations": [
    {"question_id": q, "image_id": i, "question_type": t, "answer_type": k, "multiple_choice_answer": a[0]["answer"],
     "answers": a} for q, i, _, a, k, t in vqa]})
for i in (1, 2, 3):
    open(path(f"vqav2/val2014/COCO_val2014_{i:012}.jpg"), "wb").write(png(i))
predictions("vqav2", [(1000, "Red."), (1001, "three"), (2000, "Yes"), (3000, "no")], text="answer")

# OK-VQA: answers as plain strings.
parquet("okvqa.parquet", [
    dict(question_id="1", image=image(1), question="Which sport is this?", question_type="five", answer_type="other",
         answers=["surf"] * 4 + ["surfing"] * 6),
    dict(question_id="2", image=image(2), question="Whose is it?", question_type="one", answer_type="other",
         answers=["man's"] * 4 + ["men"] * 6)])
predictions("okvqa", [("1", "surfing."), ("2", "men")])

# GQA: instructions and images apart, and the original object by question id.
gqa = [("201", "g1", "Is the flag big?", "yes", True, "verify"), ("202", "g1", "What is left?", "table", True, "query"),
       ("203", "g2", "Is it blue or red?", "red", True, "choose"), ("204", "g2", "What?", "x", False, "query")]
parquet("gqa/questions.parquet", [dict(id=q, imageId=i, question=t, answer=a, isBalanced=b, types={"structural": s})
                                  for q, i, t, a, b, s in gqa])
parquet("gqa/images/images.parquet", [dict(id=i, image=image(n)) for n, i in enumerate(("g1", "g2"))])
dump("gqa/questions.json", {q: dict(imageId=i, question=t, answer=a, isBalanced=b, types={"structural": s})
                            for q, i, t, a, b, s in gqa})
predictions("gqa", [("201", "yes"), ("202", "Table."), ("203", "red")])

# AI2D: options and an index; and lettered columns.
parquet("ai2d.parquet", [
    dict(question="What does A show?", options=["leaf", "root", "stem", "flower"], answer="1", image=image(4)),
    dict(question="What eats the grass?", options=["fox", "hare"], answer="1", image=image(5))])
tsv("ai2d.tsv", [dict(index=0, image=b64(4), question="What does A show?", A="leaf", B="root", C="stem", D="flower", answer="B"),
                 dict(index=1, image=0, question="And B?", A="leaf", B="root", C="", D="", answer="A")])

# DocVQA.
doc = [("11", "What is the total?", ["$5.00", "5.00"], ["table/list"]), ("12", "Where?", ["University of California"], ["layout"])]
parquet("docvqa.parquet", [dict(questionId=q, question=t, question_types=k, image=image(6), docId=7, answers=a, data_split="val")
                           for q, t, a, k in doc])
dump("docvqa/val.json", {"dataset_name": "docvqa", "data": [
    dict(questionId=int(q), question=t, image="../vqav2/val2014/COCO_val2014_000000000001.jpg", answers=a, data_split="val")
    for q, t, a, _ in doc]})
predictions("docvqa", [("11", "5.00 "), ("12", "University of Californa, San Diego")])

# ChartQA: people's and augmented questions.
parquet("chartqa.parquet", [
    dict(type="human_test", question="How much?", answer="100", image=image(7)),
    dict(type="human_test", question="Which is red?", answer="Norway", image=image(7)),
    dict(type="augmented_test", question="What share?", answer="50%", image=image(8))])

# RefCOCO: Hugging Face; references with COCO's instances.
parquet("refcoco.parquet", [
    dict(question_id="31", image=image(9), question="", answer=["top stripe", "the upper one"], bbox=[0.0, 0.0, 40.0, 10.0],
         segmentation=[1.0, 2.0], file_name="a.png"),
    dict(question_id="32", image=image(9), question="", answer=["right half"], bbox=[20.0, 0.0, 20.0, 30.0],
         segmentation=[1.0, 2.0], file_name="a.png")])
dump("refcoco/refs.json", [dict(ref_id=1, ann_id=31, image_id=1, split="testA", sentences=[{"raw": "top stripe"}]),
                           dict(ref_id=2, ann_id=32, image_id=1, split="testB", sentences=[{"raw": "right half"}])])
dump("refcoco/instances.json", {
    "images": [dict(id=1, file_name="COCO_val2014_000000000001.jpg", width=40, height=30)],
    "annotations": [dict(id=31, image_id=1, bbox=[0, 0, 40, 10]), dict(id=32, image_id=1, bbox=[20, 0, 20, 30])]})
predictions("refcoco", [("31-0", "<loc0000><loc0000><loc0341><loc1023> top stripe"), ("31-1", "nothing"),
                        ("32-0", "<loc0000><loc0000><loc1023><loc1023> x")])

# COCO captions: Hugging Face; Karpathy's file.
captions = [("41", ["A red flag on a pole.", "a flag with three stripes", "The flag is waving."]),
            ("42", ["Two flags near a house.", "a house with flags", "Flags beside the house."]),
            ("43", ["A man holds a flag.", "man holding a small flag", "a person with a flag"])]
parquet("coco_captions.parquet", [dict(question_id=q, image=image(10 + n), question="", answer=a, file_name=f"{q}.jpg")
                                  for n, (q, a) in enumerate(captions)])
dump("coco_captions/dataset_coco.json", {"dataset": "coco", "images": [
    dict(filepath="val2014", filename=f"COCO_val2014_{n + 1:012}.jpg", cocoid=int(q), split="test" if n < 2 else "train",
         sentences=[{"raw": text, "tokens": []} for text in a]) for n, (q, a) in enumerate(captions)]})
predictions("coco_captions", [("41", "a red flag with three stripes"), ("42", "two flags near the house"), ("43", "A dog runs.")],
            key="image_id", text="caption")

# MMBench: rotations whose images refer to the first row.
options = ["cat", "dog", "bird", "fish"]
rotated = lambda n: options[n:] + options[:n]
rows = []
for question, right in ((7, "dog"), (8, "fish")):
    for n in range(4):
        turned = rotated(n)
        rows.append(dict(index=question + n * 1_000_000, question="Which animal?", hint="It is one." if question == 7 else "",
                         A=turned[0], B=turned[1], C=turned[2], D=turned[3], answer="ABCD"[turned.index(right)],
                         category="object_localization", **{"l2-category": "finegrained_perception"},
                         image=b64(question) if n == 0 else question, split="dev"))
tsv("mmbench.tsv", rows)
dump("predictions/mmbench.jsonl", [dict(index=row["index"], prediction=row["answer"] + "." if row["index"] % 1_000_000 == 7 else "D")
                                   for row in rows], lines=True)

# MMT-Bench.
tsv("mmt.tsv", [
    dict(index=0, question="Which sport?", A="golf", B="chess", C="polo", answer="C", image=b64(1), category="sports", **{"l2-category": "visual_recognition"}),
    dict(index=1, question="Which one?\nLook \"closely\".", A="this\tone", B="that", C="", answer="A", image=0, category="animals", **{"l2-category": "visual_recognition"}),
    dict(index=2, question="What next?", A="left", B="right", C="", answer="B", image=b64(2), category="gui", **{"l2-category": "gui_navigation"})])

# SEED-Bench: original JSON, one video among them.
dump("seed/SEED-Bench.json", {"question_type": {"Scene Understanding": 1}, "questions": [
    dict(question_id="51", data_type="image", data_id="COCO_val2014_000000000001.jpg", question="Which scene?", question_type_id=1,
         choice_a="sea", choice_b="street", choice_c="sky", choice_d="room", answer="C"),
    dict(question_id="52", data_type="image", data_id="COCO_val2014_000000000002.jpg", question="How many?", question_type_id=5,
         choice_a="one", choice_b="two", choice_c="three", choice_d="four", answer="C"),
    dict(question_id="53", data_type="video", data_id="1.mp4", question="Then?", question_type_id=10,
         choice_a="a", choice_b="b", choice_c="c", choice_d="d", answer="A")]})
predictions("seed", [("51", "C. sky"), ("52", "The answer is C")])

# MME: two questions an image.
parquet("mme.parquet", [dict(question_id=f"{c}/{n:04}.png", image=image(n), question=f"{t} Please answer yes or no.", answer=a, category=c)
                        for c, n, t, a in [("existence", 1, "Is there a flag?", "Yes"), ("existence", 1, "Is there a cat?", "No"),
                                           ("existence", 2, "Is there a flag?", "Yes"), ("existence", 2, "Is there a dog?", "No"),
                                           ("code_reasoning", 3, "Does it print 2?", "Yes"), ("code_reasoning", 3, "Does it print 3?", "No")]])

# MMMU: option lists as Python writes them, several images, an open question.
mmmu = [("validation_Art_1", "What is <image 1>?", "['a \"flag\"', \"it's art\", '3.5']", "B", "multiple-choice", [1]),
        ("validation_Art_2", "Compare <image 1> and <image 2>.", "['same', 'different']", "B", "multiple-choice", [1, 2]),
        ("validation_Math_1", "How much is x?", "[]", "['24', '24.0']", "open", [3])]
parquet("mmmu.parquet", [dict(id=i, question=q, options=o, explanation="", **{f"image_{n}": image(s[n - 1]) if n <= len(s) else None for n in range(1, 8)},
                              answer=a, question_type=t, subfield="x") for i, q, o, a, t, s in mmmu],
        **{f"image_{n}": IMAGE for n in range(1, 8)})
predictions("mmmu", [("validation_Art_1", "(B) it's art"), ("validation_Art_2", "no idea"), ("validation_Math_1", "so x = 24")], key="id")

# MMStar, RealWorldQA, POPE.
parquet("mmstar.parquet", [
    dict(index=0, question="Which?\nOptions: A: red, B: blue, C: green, D: black", image=png(1), answer="A", category="math", l2_category="geometry"),
    dict(index=1, question="What?\nOptions: A: one, B: two, C: three, D: four", image=png(2), answer="C", category="logical reasoning", l2_category="diagrams")])
parquet("realworldqa.parquet", [
    dict(image=image(1), image_path="1.webp", question="Which way?\nA. Left\nB. Right\nPlease answer directly with only the letter of the correct option and nothing else.", answer="B"),
    dict(image=image(2), image_path="2.webp", question="How many lanes? Please answer with a number.", answer="2")])
dump("pope/coco_pope_random.json", [
    dict(question_id=n, image=f"COCO_val2014_{1 + n % 3:012}.jpg", text=f"Is there a {what} in the image?", label=label)
    for n, (what, label) in enumerate([("flag", "yes"), ("dog", "no"), ("stripe", "yes"), ("cat", "no")])], lines=True)
parquet("pope.parquet", [dict(id=str(n), question_id=str(n % 2), question=f"Is there a {w}?", answer=a, image_source="x", image=image(n), category=c)
                         for n, (w, a, c) in enumerate([("flag", "yes", "random"), ("dog", "no", "random"), ("flag", "yes", "popular"), ("cat", "no", "popular")])])
predictions("pope", [(0, "Yes, there is."), (1, "no"), (2, "There is no stripe"), (3, "yes")], text="answer")
