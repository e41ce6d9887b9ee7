"""The Dockerfile, and what a server is run and watched with.

Docker needs a kernel of its own to run in; where there is none the Dockerfile is followed by hand:

    debootstrap --include=python3,python3-venv,ca-certificates bookworm /tmp/debian
    pytest tests/install/test_container.py --debian /tmp/debian
"""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.dockerfile import CHROOT, follow, read_dockerfile, sent
from support.process import ROOT

DOCKERFILE = read_dockerfile(ROOT / "Dockerfile")
SERVING = ROOT / "examples" / "serving"


def the_one(name: str):
    (found,) = (one for one in DOCKERFILE if one.name == name)
    return found


def pinned(name: str) -> dict[str, str]:
    pins = re.findall(r"^([\w.-]+)==([\w.+-]+)", (ROOT / name).read_text(), re.M)
    return {canonicalize_name(package): version for package, version in pins}


# The Dockerfile


def test_what_is_copied_is_there_and_is_sent():
    files = sent(ROOT)
    copied = [
        name
        for one in DOCKERFILE
        if one.name == "COPY" and "from" not in one.flags
        for name in one.words[:-1]
    ]
    assert copied
    assert [c for c in copied if not any(f == c or f.startswith(f"{c}/") for f in files)] == []


def test_nothing_is_sent_but_the_package_and_what_builds_it():
    files = {name for name in sent(ROOT) if not name.startswith("ktrain_sentiment/")}
    assert files == {"requirements/serve.txt", "pyproject.toml", "README.md", "LICENSE"}
    assert not [name for name in sent(ROOT) if "__pycache__" in name]


def test_it_runs_as_nobody_and_checks_its_health():
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", the_one("USER").rest)  # numbers: as Kubernetes asks
    assert the_one("HEALTHCHECK").words[0] == "/app/bin/python"
    assert the_one("CMD").words == ["/predictor", "--host", "0.0.0.0"]


def test_what_is_installed_is_pinned_as_in_the_lock_and_is_all_that_serving_needs():
    serve, lock = pinned("requirements/serve.txt"), pinned("requirements.lock")
    assert serve.items() <= lock.items(), "run: make lock"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["serve"]]
    assert {canonicalize_name(Requirement(one).name) for one in needed} <= set(serve)
    assert not {"tensorflow", "torch", "transformers", "ktrain"} & set(serve)


def test_following_it_by_hand_in_a_clean_root_gives_a_server(
    request, predictor, tmp_path, record_property
):
    debian = request.config.getoption("--debian")
    if debian is None:
        pytest.skip("no Debian root was given (--debian)")
    stage = follow(ROOT, debian, tmp_path)
    size = subprocess.run(
        ["du", "-sm", stage.root / "app"], capture_output=True, text=True, check=True
    )
    record_property("MB", size.stdout.split()[0])
    assert not list((stage.root / "app").glob("lib/*/site-packages/pip"))
    (stage.root / "predictor").mkdir()
    # As `docker run --read-only --tmpfs /tmp --volume ...:ro` does it.
    mounts = (
        'mount --bind "$0" "$0"; mount -o remount,bind,ro "$0"; mount -t tmpfs tmpfs "$0/tmp";'
        ' mount --bind "$1" "$0/predictor"; mount -o remount,bind,ro "$0/predictor";'
        ' mount -t proc proc "$0/proc"; root=$0 user=$2; shift 2;'
        ' exec chroot --userspec="$user" "$root" /usr/bin/env -i "$@"'
    )
    named = [f"{name}={value}" for name, value in stage.environment.items()]
    command = [*stage.told["ENTRYPOINT"].words, *stage.told["CMD"].words]
    begun = time.monotonic()
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-ec", mounts, stage.root, predictor, stage.user, *named,
         "SENTIMENT_API_KEY=secret", *command]
    ) as server:  # fmt: skip
        try:
            healthy = [CHROOT, stage.root, *stage.told["HEALTHCHECK"].words]
            while subprocess.run(healthy, stderr=subprocess.DEVNULL, check=False).returncode:
                assert server.poll() is None
                assert time.monotonic() < begun + 60
            record_property("seconds to health", round(time.monotonic() - begun, 1))
            status = Path(f"/proc/{server.pid}/status").read_text()
            assert re.search(r"^Uid:\s+65534\s+65534\s+65534\s", status, re.M)
            for path, body, kind in [
                ("/predict", b'{"inputs": "a superb plot"}', "application/json"),
                ("/table?format=parquet", b"text\na superb plot\n", "text/csv"),
            ]:
                asked = urllib.request.Request(f"http://127.0.0.1:8080{path}", body)
                asked.add_header("Authorization", "Bearer secret")
                asked.add_header("Content-Type", kind)
                with urllib.request.urlopen(asked) as answer:
                    assert answer.status == 200
                    assert answer.read()
            server.terminate()
            assert server.wait(30) == 0
        finally:
            server.kill()


# What it is watched and started with


def test_compose_starts_what_there_is_and_leaves_it_few_rights():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for service in services.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        for volume in service["volumes"]:
            if volume.startswith("./"):
                assert (ROOT / volume.split(":")[0]).is_file()
    scraped = yaml.safe_load((SERVING / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scraped["static_configs"][0]["targets"] == ["sentiment:8080"]


def test_both_let_a_predictor_have_a_thread_for_each_of_256_cores(predictor):
    # ONNX Runtime and tokenizers have a thread for each core, as far as they are not told of fewer.
    said = (
        "import sys, pathlib, ktrain_sentiment as ks\n"
        "ks.load(sys.argv[1], threads=64).predict(['a superb plot', 'dull'] * 64)\n"
        "print(len(list(pathlib.Path('/proc/self/task').iterdir())))"
    )
    threads = subprocess.run(
        [sys.executable, "-c", said, predictor], check=True, capture_output=True, text=True,
        env={**os.environ, "RAYON_NUM_THREADS": "64"},
    )  # fmt: skip
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    unit = (SERVING / "ktrain-sentiment.service").read_text()
    limits = [services["sentiment"]["pids_limit"], *re.findall(r"^TasksMax=(\d+)$", unit, re.M)]
    needed = 256 / 64 * int(threads.stdout)
    assert [limit for limit in map(int, limits) if limit < needed] == []
    assert len(limits) == 2


def test_systemd_understands_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    name = "ktrain-sentiment.service"
    unit = (SERVING / name).read_text()
    # It must name a program that is there.
    program = "/opt/ktrain-sentiment/bin/ktrain-sentiment"
    assert f"ExecStart={program} serve" in unit
    (tmp_path / name).write_text(unit.replace(f"={program}", f"={sys.executable}"))
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / name], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
