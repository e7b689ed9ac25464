"""`bert completion`: a script for a shell, which asks `bert` itself at each Tab."""

from __future__ import annotations

import os
import shlex
from typing import Annotated, Literal

import typer

from scripts.console import out
from scripts.paths import ROOT

ASK = "_BERT_COMPLETE"
"""The variable by which typer is asked for completions, and by which `scripts/bert` knows to install nothing."""

BASH = """# for ~/.bashrc: source <({bert} completion bash)
_bert_complete() {{
    local IFS=$'\\n'
    COMPREPLY=($(COMP_WORDS="${{COMP_WORDS[*]}}" COMP_CWORD=$COMP_CWORD {ask}=complete_bash {bert}))
}}
complete -o default -F _bert_complete bert  # and any alias of yours"""

ZSH = """# for ~/.zshrc, after compinit: source <({bert} completion zsh)
_bert_complete() {{
    eval "$(_TYPER_COMPLETE_ARGS="${{words[1,$CURRENT]}}" {ask}=complete_zsh {bert})"
}}
compdef _bert_complete bert {bert}"""

FISH = """# for ~/.config/fish/config.fish: {bert} completion fish | source
function __bert_complete
    env {ask}=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] _TYPER_COMPLETE_ARGS=(commandline -cp) {bert}
end
complete -c bert -f -n "__bert_complete is-args" -a "(__bert_complete get-args)\""""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="for which shell")]) -> None:
    """Print a shell's completion of `bert` and `scripts/bert`.

    Example: source <(scripts/bert completion bash)
    """
    out.print(script(shell))


def answer_tab() -> None:
    """Teach typer the shells, when it is a shell that asks; typer does so itself only with its own installer."""
    if ASK in os.environ:
        from typer._completion_classes import completion_init

        completion_init()


def script(shell: str) -> str:
    """It names the command by its full path, so that it also works for an alias or a link called `bert`."""
    return SCRIPTS[shell].format(bert=shlex.quote(str(ROOT / "scripts" / "bert")), ask=ASK)
