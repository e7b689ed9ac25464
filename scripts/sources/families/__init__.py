"""Families of encoders, a file each; read by everything that has to know one."""

from __future__ import annotations

from dataclasses import replace

from scripts.files.json_files import value
from scripts.sources.families.albert import ALBERT
from scripts.sources.families.bert import BERT
from scripts.sources.families.deberta import DEBERTA, DEBERTA_V2
from scripts.sources.families.distilbert import DISTILBERT
from scripts.sources.families.electra import ELECTRA
from scripts.sources.families.ernie import ERNIE
from scripts.sources.families.eurobert import EUROBERT
from scripts.sources.families.family import Config, Family
from scripts.sources.families.gte import GTE
from scripts.sources.families.jina_v3 import JINA_V3
from scripts.sources.families.modernbert import MODERNBERT
from scripts.sources.families.mpnet import MPNET
from scripts.sources.families.nomic_bert import NOMIC_BERT
from scripts.sources.families.pre_norm import MEGATRON_BERT, ROBERTA_PRELAYERNORM, XLM_ROBERTA_XL
from scripts.sources.families.rembert import REMBERT
from scripts.sources.families.roberta import ROBERTA
from scripts.sources.families.roformer import ROFORMER

FAMILIES: dict[str, Family] = {
    "bert": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "distilbert": DISTILBERT,
    "ernie": ERNIE,
    "electra": ELECTRA,
    "albert": ALBERT,
    "mpnet": MPNET,
    "modernbert": MODERNBERT,
    "gte": GTE,
    "nomic_bert": NOMIC_BERT,
    "jina_embeddings_v3": JINA_V3,
    "eurobert": EUROBERT,
    "data2vec-text": ROBERTA,
    "roberta-prelayernorm": ROBERTA_PRELAYERNORM,
    "xlm-roberta-xl": XLM_ROBERTA_XL,
    "megatron-bert": MEGATRON_BERT,
    "rembert": REMBERT,
    "roformer": ROFORMER,
    "deberta": DEBERTA,
    "deberta-v2": DEBERTA_V2,
    "static-embedding": Family(None, {}, layered=False),
    "xmod": replace(ROBERTA, encoder=None),
}
"""By `model_type`. `static-embedding` is written by `scripts/sources/static.py`; X-MOD has an adapter for each language
in each layer, which is transformers' to run."""
OTHER = Family(None, {})
"""Of every other `model_type`: transformers runs it."""


def family(config: Config) -> Family:
    """The family of a decoded `config.json`."""
    return FAMILIES.get(value(config, "model_type", str, ""), OTHER)
