"""The operator's own settings of an archive: from a file, in either form, and from flags."""

import pytest

from scripts.console import Failure
from scripts.packing import pack as packer


def test_settings_come_from_a_file_and_then_from_flags(tmp_path):
    file = tmp_path / "more.yaml"
    file.write_text("batchSize: 8\nhandler: {task: similarity, max_texts: 4}\n")
    settings = packer.preset_settings({"batchSize": 2, "jobQueueSize": 9}, {"task": "embedding", "dtype": None}, file)
    assert settings == {"batchSize": 8, "jobQueueSize": 9, "handler": {"task": "embedding", "max_texts": 4}}
    for text in ("[1]", "a: [", "just words"):
        file.write_text(text)
        with pytest.raises(Failure):
            packer.preset_settings({}, {}, file)


@pytest.mark.parametrize(
    "text",
    [
        "handler.max_length: 128\nbatchSize: 8\n",
        "handler: {max_length: 128}\nbatchSize: 8\n",
        "handler: {max_length: 128}\nhandler.max_length: 128\nbatchSize: 8\n",
    ],
)
def test_a_setting_may_be_written_as_the_documentation_prints_it(tmp_path, text):
    file = tmp_path / "more.yaml"
    file.write_text(text)
    settings = packer.preset_settings({"handler": {"pooling": "cls"}}, {}, file)
    assert settings == {"batchSize": 8, "handler": {"pooling": "cls", "max_length": 128}}


def test_one_setting_in_both_forms_with_two_values_is_refused(tmp_path):
    file = tmp_path / "more.yaml"
    file.write_text("handler.max_length: 128\nhandler: {max_length: 64}\n")
    with pytest.raises(Failure, match=r"handler.max_length is 128, and max_length in the section handler is 64"):
        packer.preset_settings({}, {}, file)
    file.write_text("handler.max_length: 128\nhandler: 3\n")
    with pytest.raises(Failure, match=r"handler is a int, not keys"):
        packer.preset_settings({}, {}, file)
