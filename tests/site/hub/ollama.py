"""A stand-in for Ollama: the list of its models. It fails for as long as `/tmp/sick` exists, which a restart removes."""

import pathlib

from served import Handler, serve

SICK = pathlib.Path("/tmp/sick")


class Ollama(Handler):
    def get(self):
        return (500, {}) if SICK.exists() else (200, {"models": [{"name": "nomic-embed-text"}]})


SICK.unlink(missing_ok=True)
serve(11434, Ollama)
