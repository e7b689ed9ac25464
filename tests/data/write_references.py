"""Writes `minilm.json`: what sentence-transformers itself gives for the default model.

Not run by the tests. To write the file again, in an environment of its own:

    python -m venv /tmp/reference && /tmp/reference/bin/pip install torch==2.13.0 sentence-transformers==6.2.0
    /tmp/reference/bin/python tests/data/write_references.py .cache/checkpoints/all-MiniLM-L6-v2
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from sentence_transformers import SentenceTransformer
from sentence_transformers.util.quantization import quantize_embeddings

TEXTS = [
    "Hello, how are you?",
    "The quick brown fox jumps over the lazy dog.",
    "a",
    "A bank by the river, a bank on the high street.",
    "Der Überflug kostete 12,50 € – naïve café déjà vu.",
    "今天天气很好，我们去公园散步吧。",
    "日本語のテキストも混ざる mixed with English",
    "Привет, как дела?",
    "emoji 😀👍🏽 and a family 👨‍👩‍👧",
    "line one\nline two\r\n\tindented",
    "  spaces   around  ",
    "nul\x00inside",
    "[MASK] and [SEP] written out",
    "antidisestablishmentarianism supercalifragilisticexpialidocious",
    "x" * 150,
    "http://example.org/a?b=c&d=%20 e-mail@example.org #tag 3.14159",
    "Serving a model means answering for it. " * 4,
    "A very long text about nothing in particular, going on and on. " * 40,
    "".join(f"number {n} " for n in range(300)),
    "Ünïcödé ℌ𝔢𝔩𝔩𝔬 ﬁne",
]

folder = Path(sys.argv[1])
model = SentenceTransformer(str(folder), device="cpu")
vectors = model.encode(TEXTS, batch_size=1, convert_to_numpy=True)
pair = model.similarity(vectors[:1], vectors[1:4])[0].tolist()
reference = {
    "origin": f"sentence-transformers {version('sentence-transformers')}, transformers {version('transformers')}, "
    f"torch {version('torch')}, CPU, one text at a time, written by {Path(__file__).name}",
    "model": folder.name,
    "texts": TEXTS,
    "tokens": [len(model.tokenizer(text, truncation=True, max_length=256)["input_ids"]) for text in TEXTS],
    "embeddings": [[float(f"{value:.8g}") for value in vector.tolist()] for vector in vectors],
    "binary": quantize_embeddings(vectors, precision="binary").tolist(),
    "similarity_of_first_to_next_three": pair,
}
Path(__file__).with_name("minilm.json").write_text(json.dumps(reference, ensure_ascii=False, indent=None) + "\n")
