"""The operator's own settings of an archive: from a file, in either form, and from flags."""

import pytest

from scripts.console import Failure
from scripts.packing import pack as packer
from tests.advice import run


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


@pytest.mark.parametrize(
    ("text", "words", "fix"),
    [
        ("batchSize: 4\nbatchSize: 8\n", "line 2, column 1: the key batchSize is in line 1 already", "settings.md"),
        (
            "handler: {max_length: 8, max_length: 9}",
            "column 26: the key max_length is in line 1 already",
            "settings.md",
        ),
        ("handler: {prompts: null}", "handler.prompts: Expected `object`, got `null`", "prompts by name"),
        ("handler.prompts: null", "handler.prompts: Expected `object`, got `null`", "prompts by name"),
        ("batchSize: 0", "batchSize: Expected `int` >= 1", "maximum requests per batch"),
        ("handler: {poling: cls}", "unknown key 'handler.poling'; did you mean 'handler.pooling'", ""),
        (b"batchSize: 4\n# caf\xe9\n", "line 2: the byte 0xe9 is not UTF-8", "iconv -f latin1 -t utf-8 "),
        (b"batchSize: 4\n# \x07\n", "line 2: the character U\\+0007 is not allowed", "remove it"),
        ("a: [", "line 1, column 5: expected the node content", "`batchSize: 16`"),
        ("[1]", "holds a list, not keys", "`batchSize: 16`"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place_and_a_remedy(tmp_path, text, words, fix):
    file = tmp_path / "it's more.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Failure, match=words) as caught:
        packer.preset_settings({}, {}, file)
    assert str(file) in caught.value.what
    assert fix in caught.value.fix


def test_a_file_in_latin_1_is_mended_by_the_command_that_is_offered(tmp_path):
    file = tmp_path / "it's more.yaml"
    file.write_bytes(b"handler: {prompts: {query: caf\xe9}}\n")
    with pytest.raises(Failure) as caught:
        packer.preset_settings({}, {}, file)
    run(caught.value.fix.partition(": ")[2])
    assert packer.preset_settings({}, {}, file) == {"handler": {"prompts": {"query": "café"}}}


def test_merge_keys_and_utf_16_are_yaml(tmp_path):
    file = tmp_path / "more.yaml"
    file.write_bytes("handler: &a {max_length: 8}\n".encode("utf-16"))
    assert packer.preset_settings({}, {}, file) == {"handler": {"max_length": 8}}


def test_one_setting_in_both_forms_with_two_values_is_refused(tmp_path):
    file = tmp_path / "more.yaml"
    file.write_text("handler.max_length: 128\nhandler: {max_length: 64}\n")
    with pytest.raises(Failure, match=r"handler.max_length is 128, and max_length in the section handler is 64"):
        packer.preset_settings({}, {}, file)
    file.write_text("handler.max_length: 128\nhandler: 3\n")
    with pytest.raises(Failure, match=r"handler is a int, not keys"):
        packer.preset_settings({}, {}, file)
