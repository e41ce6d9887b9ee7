"""A Dockerfile read, and followed by hand in a folder: for machines on which no Docker can run.

Only what ours says is understood. Stages begin as copies of one fresh Debian root, whatever image
they name.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

CHROOT = shutil.which("chroot") or "chroot"
"""Looked up here: the stages have another PATH."""


@dataclass(frozen=True)
class Instruction:
    """A line of a Dockerfile, its continuations joined."""

    name: str
    rest: str

    @property
    def flags(self) -> dict[str, str]:
        return dict(re.findall(r"--([\w-]+)=(\S+)", self.rest))

    @property
    def words(self) -> list[str]:
        """What is not a flag, whether written as JSON or as words."""
        rest = re.sub(r"^(--[\w-]+=\S+\s+)+", "", self.rest)
        rest = rest.removeprefix("CMD ")  # a health check's
        return list(json.loads(rest)) if rest.startswith("[") else rest.split()


def read_dockerfile(path: Path) -> list[Instruction]:
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [Instruction(name, rest) for name, rest in found]


def sent(context: Path) -> set[str]:
    """The files that .dockerignore lets through, as relative paths: nothing but what it names."""
    everything, *rules = (context / ".dockerignore").read_text().split()
    assert everything == "*"
    named = [context / rule[1:] for rule in rules if rule.startswith("!")]
    never = {rule.removeprefix("**/") for rule in rules if not rule.startswith("!")}
    files = (file for path in named for file in ([path] if path.is_file() else path.rglob("*")))
    return {
        file.relative_to(context).as_posix()
        for file in files
        if file.is_file() and not never & set(file.parts)
    }


@dataclass
class Stage:
    """A root that grows by instructions."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    told: dict[str, Instruction] = field(default_factory=dict)

    def inside(self, path: str) -> Path:
        return self.root / str(Path(self.folder) / path).lstrip("/")

    def shell(self, command: str) -> None:
        # What reaches a package index from here does from there; the walls around tests do not.
        inside = {"PYTHONPATH", "PIP_NO_INDEX", "HOME"}
        outside = {name: value for name, value in os.environ.items() if name not in inside}
        subprocess.run(
            [CHROOT, self.root, "/bin/sh", "-ec", f"cd {shlex.quote(self.folder)}; {command}"],
            env={**outside, **self.environment}, check=True,
        )  # fmt: skip

    def copy(self, source: Path, name: str, target: str, allowed: set[str] | None) -> None:
        place = self.inside(target)
        if (source / name).is_file():
            place = place / Path(name).name if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, place)
            return

        for path in (source / name).rglob("*"):
            inner = path.relative_to(source / name)
            if allowed is None and path.is_symlink():
                (place / inner).parent.mkdir(parents=True, exist_ok=True)
                (place / inner).symlink_to(path.readlink())
            elif path.is_file() and (allowed is None or f"{name}/{inner.as_posix()}" in allowed):
                (place / inner).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place / inner)


def follow(context: Path, debian: Path, home: Path) -> Stage:
    """Do what a Dockerfile says, and return its last stage."""
    stages: dict[str, Stage] = {}
    stage, allowed = Stage(home), sent(context)
    for one in read_dockerfile(context / "Dockerfile"):
        match one.name:
            case "FROM":
                name = one.words[2] if len(one.words) > 2 else "final"
                subprocess.run(["cp", "-a", debian, home / name], check=True)
                stage = stages[name] = Stage(home / name)
                stage.environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
            case "WORKDIR":
                stage.folder = one.rest
                stage.inside(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                *names, target = one.words
                origin = one.flags.get("from")
                source, seen = (stages[origin].root, None) if origin else (context, allowed)
                for name in names:
                    stage.copy(source, name.lstrip("/"), target, seen)
            case "RUN":
                stage.shell(one.rest)
            case "ENV":
                pairs = dict(pair.split("=", 1) for pair in one.words)
                known = stage.environment
                stage.environment |= {
                    name: value.replace("$PATH", known["PATH"]) for name, value in pairs.items()
                }
            case "USER":
                stage.user = one.rest
            case _:
                stage.told[one.name] = one
    return stage
