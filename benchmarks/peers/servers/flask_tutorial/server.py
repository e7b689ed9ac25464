"""The tutorial way: `BertModel` traced to TorchScript behind Flask, one text at a time, all hidden states as JSON."""

import sys

import torch
from flask import Flask, jsonify, request
from transformers import AutoTokenizer, BertModel

folder, port = sys.argv[1], int(sys.argv[2])
tokenizer = AutoTokenizer.from_pretrained(folder)
model = BertModel.from_pretrained(folder).eval()
example = tokenizer("Hello, how are you?", return_tensors="pt")


class States(torch.nn.Module):
    """The one output the tutorial answers with."""

    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, ids, mask):
        """Token ids and mask to hidden states."""
        return self.model(input_ids=ids, attention_mask=mask).last_hidden_state


traced = torch.jit.trace(States(), (example["input_ids"], example["attention_mask"]))
app = Flask(__name__)


@app.post("/predict")
def predict():
    """`{"text": ...}` to hidden states."""
    inputs = tokenizer(request.get_json()["text"], return_tensors="pt", truncation=True, max_length=256)
    with torch.no_grad():
        states = traced(inputs["input_ids"], inputs["attention_mask"])
    return jsonify(states.tolist())


app.run(host="127.0.0.1", port=port, threaded=True)
