"""Heads after training, saved as transformers saves them: they answer what they learned, with transformers' scores."""

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, pipeline

from tests import heads
from tests.asking import ask, check

REVIEWS = [
    ("what a wonderful film", "good"),
    ("i loved every minute", "good"),
    ("brilliant and moving", "good"),
    ("a dull, tedious mess", "bad"),
    ("i hated the ending", "bad"),
    ("boring from start to end", "bad"),
]
NAMED = [("Ada lives in London", ["B-PER", "O", "O", "B-LOC"]), ("Bob left Paris", ["B-PER", "O", "B-LOC"])]


def train(model, batch, steps=60):
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def trained(make, tokenizer, tmp_path_factory):
    """Train copies of small models on labelled texts and save them, each once."""
    made = {}

    def build(family, kind, head, labels, batch):
        if (family, head) not in made:
            made[family, head] = tmp_path_factory.mktemp("trained") / "model"
            torch.manual_seed(0)
            model = kind.from_pretrained(make(family, head, **heads.labels(labels)))
            train(model.train(), batch).save_pretrained(made[family, head])
            tokenizer.save_pretrained(made[family, head])
        return made[family, head]

    return build


def test_reviews(trained, load, family, runtime, tokenizer):
    labels = ["bad", "good"]
    texts = [text for text, _ in REVIEWS]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    batch["labels"] = torch.tensor([labels.index(label) for _, label in REVIEWS])
    folder = trained(family, AutoModelForSequenceClassification, "ForSequenceClassification", labels, batch)
    got = ask(load(folder, runtime), {"inputs": texts})
    check(got, pipeline("text-classification", str(folder))(texts, top_k=None))
    assert [item[0]["label"] for item in got] == [label for _, label in REVIEWS]
    assert min(item[0]["score"] for item in got) > 0.9


def test_names(trained, load, family, runtime, tokenizer):
    texts = [text for text, _ in NAMED]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    labels = torch.full(batch["input_ids"].shape, -100)
    for row, (_, tags) in enumerate(NAMED):
        for place, word in enumerate(batch.word_ids(row)):
            if word is not None:
                labels[row, place] = heads.LABELS.index(tags[word])
    batch["labels"] = labels
    folder = trained(family, AutoModelForTokenClassification, "ForTokenClassification", heads.LABELS, batch)
    got = ask(load(folder, runtime), {"inputs": texts, "aggregation_strategy": "first"})
    check(got, pipeline("ner", str(folder), aggregation_strategy="first")(texts))
    found = [
        [(item["entity_group"], text[item["start"] : item["end"]]) for item in row]
        for row, text in zip(got, texts, strict=True)
    ]
    assert found == [[("PER", "Ada"), ("LOC", "London")], [("PER", "Bob"), ("LOC", "Paris")]]
