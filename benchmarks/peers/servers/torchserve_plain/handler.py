"""A handler in the manner of TorchServe's own Hugging Face example: texts padded to one length, transformers, JSON."""

import json

import torch
from transformers import AutoModel, AutoTokenizer

LENGTH = 150  # the example's own


class PlainHandler:
    """Mean-pooled, normalised embeddings of a batch."""

    def initialize(self, context):
        """Load model and tokenizer from the folder that the configuration names."""
        folder = context.model_yaml_config["handler"]["checkpoint"]
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder).eval()

    def handle(self, data, context):
        """One text per request."""
        texts = [json.loads(bytes(row["body"]))["inputs"][0] for row in data]
        inputs = self.tokenizer(texts, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt")
        with torch.no_grad():
            hidden = self.model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1)
        vectors = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)
        return [json.dumps([vector]).encode() for vector in vectors.tolist()]
