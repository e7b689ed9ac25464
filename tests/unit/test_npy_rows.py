"""A `.npy` file that grows."""

import numpy as np
import pytest

from bert_client.npy_rows import AppendableNpy


def test_half_a_block_is_written_again(tmp_path):
    file = tmp_path / "rows.npy"
    with AppendableNpy(file) as rows:
        rows.append(np.ones((3, 4)))
    with file.open("ab") as stream:
        stream.write(b"half a row")
    with AppendableNpy(file) as rows:
        assert rows.count == 3
        rows.append(np.zeros((100_000, 4)))
    assert np.load(file).shape == (100_003, 4)
    with file.open("r+b") as stream:
        stream.truncate(128 + 16 * 5 + 3)  # a broken copy: the header says more than there is
    with AppendableNpy(file) as rows:
        assert rows.count == 5
        rows.append(np.full((1, 4), 7))
    assert np.load(file)[:, 0].tolist() == [1, 1, 1, 0, 0, 7]
    with AppendableNpy(file) as rows, pytest.raises(ValueError, match="rows of 4, these have 5"):
        rows.append(np.zeros((1, 5)))
    np.save(file, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="not rows of float32"):
        AppendableNpy(file)
