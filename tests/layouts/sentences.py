"""What sentence-transformers saves, and what versions 2 to 5 of it saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests import folders
from tests.layouts import models
from tests.layouts.layout import Layout, edit

WIDTH = 64
POOLINGS = ("cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
DENSE = ("Tanh", "Identity", "ReLU", "GELU", "Sigmoid", "SiLU")
FAMILIES = ("bert", "xlm-roberta", "distilbert", "mpnet", "modernbert", "albert", "deberta-v2", "nomic_bert", "t5")
PROMPTS = {"query": "query: ", "passage": "passage: "}
OLD_CLASSES = "sentence_transformers.models"
"""Where versions before 5.4 had their modules."""


def save(folder: Path, kind: str = "bert", modules: Callable[[], Sequence[Any]] = tuple, **options: Any) -> Path:
    """Transformer, mean of tokens or the modules given, and the model's own options."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    base = models.save(folder.with_name(f"{folder.name}-base"), kind)
    chain = [Transformer(str(base)), *(modules() or [Pooling(WIDTH, "mean")])]
    SentenceTransformer(modules=chain, device="cpu", **options).save(str(folder))
    return folder


def pooled(*modes: str, **options: Any) -> Callable[[], Sequence[Any]]:
    """Pooling alone."""

    def make() -> Sequence[Any]:
        from sentence_transformers.sentence_transformer.modules import Pooling

        return [Pooling(WIDTH, modes[0] if len(modes) == 1 else modes, **options)]

    return make


def dense(*activations: str, bias: bool = True) -> Callable[[], Sequence[Any]]:
    """Pooling, layers with these activations, and scaling."""

    def make() -> Sequence[Any]:
        import torch
        from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling

        torch.manual_seed(0)
        layers = [Dense(WIDTH, WIDTH, bias=bias, activation_function=getattr(torch.nn, each)()) for each in activations]
        return [Pooling(WIDTH, "mean"), *layers, Normalize()]

    return make


def further(name: str, *arguments: Any) -> Callable[[], Sequence[Any]]:
    """Pooling and a module of that name."""

    def make() -> Sequence[Any]:
        from sentence_transformers.sentence_transformer import modules

        return [modules.Pooling(WIDTH, "mean"), getattr(modules, name)(*arguments)]

    return make


def old_form(folder: Path) -> None:
    """Versions 2 to 5: flags for poolings, names of classes, `sentence_bert_config.json` with two keys."""
    save(folder, prompts=PROMPTS)
    listed = models.read(folder / "modules.json")
    for module in listed:
        module["type"] = f"{OLD_CLASSES}.{module['type'].rsplit('.', 1)[-1]}"
    (folder / "modules.json").write_text(json.dumps(listed))
    flags = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": WIDTH, **flags}))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 64, "do_lower_case": false}')


def with_settings(folder: Path, file: str, **changes: Any) -> None:
    """Keys of one of its files."""
    save(folder)
    edit(folder / file, **changes)


def old_folder(folder: Path) -> None:
    """The model in `0_Transformer`."""
    folders.old_layout(save(folder))


def static(folder: Path) -> None:
    """A table of vectors and no encoder."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    words = models.tokenizer("bert")
    module = StaticEmbedding(words.backend_tokenizer, embedding_weights=torch.randn(len(words), WIDTH))
    SentenceTransformer(modules=[module], device="cpu").save(str(folder))


def router(folder: Path, shared: bool = True, first: bool = False) -> None:
    """A layer for each side, behind one encoder, before the router or `first` in either route, or behind two."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Router, Transformer

    base = models.save(folder.with_name(f"{folder.name}-base"), "bert")
    query = [Transformer(str(base)), Pooling(WIDTH, "mean")]
    document = query if shared else [Transformer(str(base)), Pooling(WIDTH, "mean")]
    layers = [Dense(WIDTH, WIDTH)], [Dense(WIDTH, WIDTH)]
    if first:
        modules = [Router.for_query_document([*query, *layers[0]], [*document, *layers[1]])]
    else:
        modules = [*query, Router.for_query_document(*layers)]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder))


def sparse(folder: Path, kind: str, named: str, **options: Any) -> None:
    """SPLADE: words of the vocabulary, over a head that fills masks."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling

    base = models.save(folder.with_name(f"{folder.name}-base"), kind, named)
    modules = [MLMTransformer(str(base)), SpladePooling(**{"pooling_strategy": "max", **options})]
    SparseEncoder(modules=modules, device="cpu").save(str(folder))


def sparse_router(folder: Path) -> None:
    """Queries by a table of weights, documents by SPLADE."""
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder import modules

    words = modules.MLMTransformer(str(models.save(folder.with_name(f"{folder.name}-base"), "bert", "BertForMaskedLM")))
    torch.manual_seed(0)
    table = modules.SparseStaticEmbedding(words.tokenizer, torch.rand(len(words.tokenizer)) * 5)
    sides = modules.Router.for_query_document([table], [words, modules.SpladePooling("max")])
    SparseEncoder(modules=[sides], device="cpu").save(str(folder))


def layouts() -> Iterator[Layout]:
    """All of them."""
    made: dict[str, Callable[[Path], object]] = {
        f"pooling {each}": partial(save, modules=pooled(each)) for each in POOLINGS
    }
    made |= {f"Dense {each}": partial(save, modules=dense(each)) for each in DENSE}
    made |= {f"family {each}": partial(save, kind=each) for each in FAMILIES}
    made |= {f"family {each}, Dense": partial(save, kind=each, modules=dense("Tanh")) for each in FAMILIES}
    made |= {
        "pooling mean and max": partial(save, modules=pooled("mean", "max")),
        "pooling cls and mean": partial(save, modules=pooled("cls", "mean")),
        "prompts left out of pooling": partial(save, modules=pooled("mean", include_prompt=False), prompts=PROMPTS),
        "two Dense without bias": partial(save, modules=dense("Tanh", "Identity", bias=False)),
        "LayerNorm": partial(save, modules=further("LayerNorm", WIDTH)),
        "Dropout": partial(save, modules=further("Dropout", 0.1)),
        "prompts": partial(save, prompts=PROMPTS),
        "default prompt": partial(save, prompts=PROMPTS, default_prompt_name="query"),
        "truncate_dim": partial(save, truncate_dim=16),
        "form of versions 2 to 5": old_form,
        "0_Transformer": old_folder,
        "do_lower_case": partial(with_settings, file="sentence_bert_config.json", do_lower_case=True),
        "max_seq_length 32": partial(with_settings, file="sentence_bert_config.json", max_seq_length=32),
        "StaticEmbedding": static,
        "Router, two Dense": router,
        "Router, one encoder and two Dense": partial(router, first=True),
        "Router, two encoders": partial(router, first=True, shared=False),
    }
    sparse_ones: Mapping[str, Callable[[Path], object]] = {
        "SPLADE, BERT": partial(sparse, kind="bert", named="BertForMaskedLM"),
        "SPLADE, DistilBERT": partial(sparse, kind="distilbert", named="DistilBertForMaskedLM"),
        "SPLADE, ModernBERT": partial(sparse, kind="modernbert", named="ModernBertForMaskedLM"),
        "SPLADE, sum": partial(sparse, kind="bert", named="BertForMaskedLM", pooling_strategy="sum"),
        "SPLADE, log1p_relu": partial(sparse, kind="bert", named="BertForMaskedLM", activation_function="log1p_relu"),
        "Router, SparseStaticEmbedding": sparse_router,
    }
    yield from (Layout("sentence-transformers", name, make) for name, make in {**made, **sparse_ones}.items())
