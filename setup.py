"""What pyproject.toml cannot say: a wheel takes two models of `checkpoints/` along, as `dguide/models`."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MODELS = ("digits-masked", "digits-uniform")
FILES = ("config.json", "model.safetensors")


class WithModels(build_py):
    """Builds the package with its models. An editable installation finds them in the source tree instead."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source in map(Path, self._models()):
                target = Path(self.build_lib, "dguide", "models", source.parent.name)
                self.mkpath(str(target))
                self.copy_file(str(source), str(target / source.name))

    def get_source_files(self) -> list[str]:
        """With the models, so that a source distribution has them too."""
        return [*super().get_source_files(), *self._models()]

    def _models(self) -> list[str]:
        return [f"checkpoints/{name}/{file}" for name in MODELS for file in FILES]


setup(cmdclass={"build_py": WithModels})
