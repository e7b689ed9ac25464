"""Writes `answers.json`: what the question-answering pipeline of transformers 5.2 says, the last version that had one.

    python -m venv /tmp/qa && /tmp/qa/bin/pip install transformers==5.2.0 torch==2.13.0
    PYTHONPATH=. /tmp/qa/bin/python -m tests.data.write_answers .cache/checkpoints/all-MiniLM-L6-v2

The argument is the folder of the default model, whose tokenizer is used. The model's weights come from numpy
(`tests/heads.py`), so that they are the same here and in the tests.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from transformers import AutoTokenizer, pipeline

from tests import heads

LONG = (
    "Ada Lovelace (1815-1852) was an English mathematician. She worked with Charles Babbage on the Analytical Engine, "
    "naïve as that may sound; 我住在北京。 Her notes hold\nwhat many call the first program 🙂. "
) * 4
QUESTIONS = [
    {"question": "Who worked with Babbage?", "context": LONG},
    {"question": "Where does Ada live?", "context": "Ada lives in London, unbelievably."},
    {"question": "在哪里?", "context": "naïve café in Zürich 👩‍👩‍👧, isn't it?\nYes. 我住在北京。"},
    {"question": "What?", "context": "antidisestablishmentarianism"},
]
OPTIONS = [
    {},
    {"top_k": 3},
    {"top_k": 2, "max_answer_len": 4},
    {"top_k": 3, "handle_impossible_answer": True},
    {"top_k": 3, "align_to_words": False},
    {"top_k": 2, "doc_stride": 8},
]


def main(folder: str) -> None:
    """Ask every question in every way."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    groups = []
    for family in ("Bert", "Roberta", "DistilBert"):
        with tempfile.TemporaryDirectory() as temporary:
            checkpoint = heads.save(Path(temporary), family, "ForQuestionAnswering", tokenizer)
            ask = pipeline("question-answering", model=str(checkpoint), tokenizer=tokenizer)
            for options in OPTIONS:
                answers = [ask(**question, **options) for question in QUESTIONS]
                answers = [answer if isinstance(answer, list) else [answer] for answer in answers]
                groups.append({"family": family, "options": options, "answers": answers})
    versions = f"transformers {transformers.__version__} and torch {torch.__version__}"
    content = {"origin": f"tests/data/write_answers.py with {versions}", "questions": QUESTIONS, "groups": groups}
    text = json.dumps(content, ensure_ascii=False, indent=1)
    (Path(__file__).parent / "answers.json").write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
