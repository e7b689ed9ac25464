"""What `make` hands to the command; nothing is run."""

import os
import subprocess

import pytest

from scripts.paths import ROOT


def make(*words, **environment):
    own = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "PORT", "MODEL", "NAME")}
    command = ["make", "--no-print-directory", *words]
    result = subprocess.run(command, cwd=ROOT, env=own | environment, capture_output=True, text=True, check=True)
    return result.stdout


@pytest.mark.parametrize(
    ("words", "environment", "command"),
    [
        (["serve"], {}, "scripts/bert up"),
        (["serve", "PORT=9400"], {}, 'scripts/bert up --inference-port "9400"'),
        (["serve", "MODEL=a b", "NAME=mine"], {}, 'scripts/bert up --name "mine" "a b"'),
        (["serve"], {"PORT": "9400", "MODEL": "x", "NAME": "host"}, 'scripts/bert up --inference-port "9400"'),
        (["stop"], {}, "scripts/bert stop"),
        (["stop", "PORT=9400"], {}, 'scripts/bert stop --inference-port "9400"'),
    ],
)
def test_what_is_given_becomes_an_option(words, environment, command):
    assert make("-n", *words, **environment).split() == command.split()


def test_alone_it_prints_what_there_is():
    assert make().startswith("help       what there is\n")
    assert "PORT=9400" in make()
