"""sentence-transformers behind FastAPI, as its users write it: one `encode` per request."""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(sys.argv[1], device="cpu")
app = FastAPI()


class Body(BaseModel):
    """Texts to embed."""

    inputs: list[str]


@app.post("/embed")
def embed(body: Body) -> list[list[float]]:
    """Vectors of the texts."""
    return model.encode(body.inputs).tolist()


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
