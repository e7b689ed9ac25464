"""`InferenceClient` and `AsyncInferenceClient`: `feature_extraction`, `sentence_similarity`, `text_classification`,
`token_classification`, `fill_mask`, `question_answering`, `zero_shot_classification`
"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "huggingface_hub==2.4.0",
#   "numpy==2.4.6",
# ]
# [tool.client]
# address = "`.../hf`, `.../hf/{task}`, `.../tei`"
# ///

import asyncio
import json
import sys
from pathlib import Path

from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

sentence = inputs["sentence"]
CALLS = {  # check -> address, method, arguments
    "embeddings": ("bert/1.0/hf", "feature_extraction", {"text": inputs["texts"]}),
    "embeddings (task)": ("bert/1.0/hf/feature-extraction", "feature_extraction", {"text": inputs["texts"]}),
    "embeddings (tei)": ("bert/1.0/tei", "feature_extraction", {"text": inputs["texts"], "normalize": True}),
    "similarities": (
        "bert/1.0/hf/sentence-similarity",
        "sentence_similarity",
        {"sentence": sentence, "other_sentences": inputs["texts"]},
    ),
    "labels": ("classes/1.0/hf", "text_classification", {"text": sentence}),
    "entities": ("entities/1.0/hf", "token_classification", {"text": sentence, "aggregation_strategy": "simple"}),
    "words": ("words/1.0/hf", "fill_mask", {"text": inputs["masked"], "top_k": 5}),
    "similarities (own)": (
        "bert/1.0/hf",
        "sentence_similarity",
        {"sentence": sentence, "other_sentences": inputs["texts"]},
    ),
    "choices": (
        "nli/1.0/hf",
        "zero_shot_classification",
        {"text": sentence, "candidate_labels": inputs["labels"], "multi_label": True},
    ),
    "answer": ("answers/1.0/hf", "question_answering", {key: inputs[key] for key in ("question", "context")}),
}
READ = {  # check -> the answer as plain values
    "embeddings": lambda answer: answer.tolist(),
    "similarities": list,
    "labels": lambda answer: {item.label: item.score for item in answer},
    "choices": lambda answer: {item.label: item.score for item in answer},
    "entities": lambda answer: [
        {key: getattr(item, key) for key in ("entity_group", "start", "end", "score")} for item in answer
    ],
    "words": lambda answer: [[item.token_str, item.score] for item in answer],
    "answer": lambda answer: {key: getattr(answer, key) for key in ("score", "start", "end", "answer")},
}


def plain(check, answer):
    """As the check has it."""
    name = check.partition(" (")[0]
    return READ[name](answer[0] if name == "answer" and isinstance(answer, list) else answer)


async def later():
    """All of them by the async client."""
    values = {}
    for check, (path, method, arguments) in CALLS.items():
        async with AsyncInferenceClient(f"{url}/predictions/{path}") as client:
            values[check] = plain(check, await getattr(client, method)(**arguments))
    return {f"{check} (async)": value for check, value in values.items()}


def refused():
    """The class of the error."""
    try:
        InferenceClient(f"{url}/predictions/nobody/1.0/hf").feature_extraction("Hello")
    except HfHubHTTPError as error:
        return type(error).__name__


values = {
    check: plain(check, getattr(InferenceClient(f"{url}/predictions/{path}"), method)(**arguments))
    for check, (path, method, arguments) in CALLS.items()
}
print(json.dumps(values | asyncio.run(later()) | {"unknown model": refused()}))
