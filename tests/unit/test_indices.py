"""A batch's rows of the tables of embeddings."""

import numpy as np
import pytest
import torch
from transformers.models.roberta.modeling_roberta import RobertaEmbeddings

from handler.runtimes import indices
from tests.conftest import encoding

TEXTS = {
    "lone": [[5, 6, 7, 8]],
    "of one token": [[5]],
    "several": [[5, 6], [7], [8, 9, 10]],
    "with a pad in a lone one": [[5, 1, 7, 1, 8]],
    "with a pad in the second of three": [[5, 6], [7, 1, 8], [9, 10]],
}


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_positions_are_those_of_roberta(texts):
    ids, offsets = np.concatenate(texts), np.cumsum([0, *map(len, texts)])
    theirs = [RobertaEmbeddings.create_position_ids_from_input_ids(torch.tensor([text]), 1) for text in texts]
    assert indices.position_rows(ids, offsets, 2).tolist() == torch.cat(theirs, 1)[0].tolist()
    counted = [place for text in texts for place in range(len(text))]
    assert indices.position_rows(ids, offsets, 0).tolist() == counted


@pytest.mark.parametrize("wrong", [-1, 10, -(2**62)])
def test_a_row_before_or_behind_a_table_is_refused(wrong):
    tables = {"word": range(10), "position": range(4)}
    ids, positions, offsets, types = indices.arrays([encoding(0, 9), encoding(3)], 0, tables)
    assert [each.tolist() for each in (ids, positions, offsets, types)] == [[0, 9, 3], [0, 1, 0], [0, 2, 3], []]
    with pytest.raises(IndexError, match="of 10 in table word"):
        indices.arrays([encoding(0, 9), encoding(wrong)], 0, tables)
