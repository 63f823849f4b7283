"""The deployment files are held to the program: commands, settings, paths, and to what each tool asks for."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from kilo_review import COMMANDS
from reviewer.settings import Settings
from tests.shared import ROOT
from tests.test_docs import read_by_settings

DEPLOY = ROOT / "deploy"
SERVICES = ("web", "worker", "clock", "migrate")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yml"))
MIB = 1024 * 1024
# Variables of others: Python's, the shell's, PostgreSQL's image.
OTHERS = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "POSTGRES_PASSWORD"}


def known(names: set[str]) -> bool:
    return names <= read_by_settings() | OTHERS


def text(path: str) -> str:
    return (DEPLOY / path).read_text("utf-8")


@cache
def answers_help(command: str) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "kilo_review", command, "--help"], cwd=ROOT, capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.mark.parametrize("command", SERVICES)
def test_every_command_that_is_deployed_starts(command: str):
    assert command in COMMANDS
    assert answers_help(command)


def test_the_procfile_names_these_commands():
    lines = dict(
        re.findall(r"^(\w+): (?:HOST=\S+ )?kilo-review (\w+)$", (ROOT / "Procfile").read_text(), re.MULTILINE)
    )
    assert lines == {"release": "migrate", "web": "web", "worker": "worker", "clock": "clock"}


# --- image ---------------------------------------------------------------------------------------------------


def test_hadolint_has_nothing_to_say_about_the_image():
    program = Path(sys.executable).parent / "hadolint"
    if not program.exists():
        pytest.skip("hadolint comes with the extra `analysers`")
    done = subprocess.run([program, DEPLOY / "docker" / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def copied() -> set[str]:
    """Return what the image takes from a clone."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", text("docker/Dockerfile"), re.MULTILINE)
    return {word for line in lines for word in line.split()}


def test_the_image_is_made_of_files_that_exist_and_that_reach_the_builder():
    assert [name for name in copied() if not (ROOT / name).exists()] == []
    lets_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert lets_in == copied()


def test_what_reaches_the_builder_is_enough_for_a_wheel_with_everything_in_it(tmp_path: Path):
    for name in copied():
        target = tmp_path / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    command = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", command, str(tmp_path)],
        cwd=tmp_path / "source",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    folders = ("policies", "reviewer", "webhooks")
    listing = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git work tree: which files are tracked is not known")
    assert set(listing.stdout.split("\n")[:-1]) - inside == set()


def test_the_image_installs_locked_wheels_by_their_hash_and_asks_no_index_for_ourselves():
    steps = re.findall(r"pip (?:install|wheel) [^\n]+", text("docker/Dockerfile"))
    for step in steps:
        assert "--no-deps" in step
        assert (
            "--require-hashes --only-binary :all:" in step or "--no-build-isolation" in step or "--no-index" in step
        )
    assert len(steps) == 4


def test_the_image_runs_as_a_user_without_rights():
    last = text("docker/Dockerfile").rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.+)$", last, re.MULTILINE) == ["10001:10001"]
    assert re.search(r'^ENTRYPOINT \["kilo-review"\]\nCMD \["web"\]$', last, re.MULTILINE)


def test_the_image_sets_only_variables_that_are_read():
    block = re.search(r"^ENV PATH.*?[^\\]$", text("docker/Dockerfile"), re.MULTILINE | re.DOTALL)
    assert block is not None
    names = set(re.findall(r"\b([A-Z_]+)=", block[0]))
    assert known(names)
    assert {"KILO_REVIEW_STATE_DIR", "KILO_REVIEW_CACHE_DIR", "HOST", "PORT"} <= names


# --- compose -------------------------------------------------------------------------------------------------


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text("docker/compose.yml"))
    return loaded


def test_compose_runs_the_four_commands_beside_their_database_and_queue():
    services = compose()["services"]
    assert [services[name]["command"] for name in SERVICES] == [[name] for name in SERVICES]
    assert set(services) == {*SERVICES, "postgres", "valkey"}


def test_every_container_is_read_only_and_gets_no_rights():
    loaded = compose()
    for name, service in loaded["services"].items():
        assert service["read_only"], name
        assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(service), name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not any(
            "docker.sock" in volume or volume.startswith(("/", ".")) for volume in service.get("volumes", [])
        )
        if name in SERVICES:
            assert service["cap_drop"] == ["ALL"], name
    volumes = {
        volume.split(":")[0] for service in loaded["services"].values() for volume in service.get("volumes", [])
    }
    assert volumes == set(loaded["volumes"])


def test_only_the_web_process_has_a_port_and_on_loopback_alone():
    ports = {name: service["ports"] for name, service in compose()["services"].items() if "ports" in service}
    assert ports == {"web": ["127.0.0.1:8080:8080"]}


def test_compose_sets_only_variables_that_are_read_and_its_values_can_be_used():
    environment = compose()["services"]["web"]["environment"]
    example = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text("docker/env.example"), re.MULTILINE))
    assert known({*environment, *example})
    filled = {name: value for name, value in example.items() if value}
    assert "KILO_REVIEW_WORKER_PROCESSES" in filled
    address = re.sub(r"\$\{POSTGRES_PASSWORD[^}]*\}", "abc123", environment["DATABASE_URL"])
    read = Settings.from_environ({**filled, "DATABASE_URL": address, "REDIS_URL": environment["REDIS_URL"]})
    assert "abc123@postgres:5432/kilo-review" in read.database_url
    assert read.redis_url == "redis://valkey:6379/0"


def test_the_ledger_and_the_queue_outlive_their_containers():
    services = compose()["services"]
    assert services["postgres"]["volumes"] == ["ledger:/var/lib/postgresql/data"]
    assert services["valkey"]["volumes"] == ["queue:/data"]
    words = services["valkey"]["command"]
    assert words[words.index("--appendonly") + 1] == "yes"
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"


def test_nothing_starts_before_the_tables_are_there():
    services = compose()["services"]
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("web", "worker", "clock"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


# --- systemd -------------------------------------------------------------------------------------------------


def unit(path: Path) -> Iterator[tuple[str, str, str]]:
    section = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield section, name, value


HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "CapabilityBoundingSet": "",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "DynamicUser": "yes",
    "StateDirectory": "kilo-review",
    "CacheDirectory": "kilo-review",
}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_hardened_and_runs_a_command_with_variables_that_are_read(path: Path):
    lines = list(unit(path))
    service = {name: value for section, name, value in lines if section == "Service"}
    assert {name: service.get(name) for name in HARDENED} == HARDENED
    command = path.stem.removeprefix("kilo-review-")
    assert command in SERVICES
    assert service["ExecStart"] == f"/opt/kilo-review/bin/kilo-review {command}"
    assert known({value.partition("=")[0] for _section, name, value in lines if name == "Environment"})
    assert configparser.RawConfigParser(strict=False).read_string(path.read_text("utf-8")) is None


def test_there_is_a_unit_for_each_process_and_systemd_can_read_them(tmp_path: Path):
    assert {path.stem for path in UNITS} == {f"kilo-review-{name}" for name in SERVICES}
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    program = tmp_path / "kilo-review"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in UNITS:
        changed = path.read_text("utf-8").replace("/opt/kilo-review/bin/kilo-review", str(program))
        (tmp_path / path.name).write_text(changed)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / path.name for path in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "kilo-review" in line]
    assert (done.returncode, ours) == (0, [])


# --- Kubernetes ----------------------------------------------------------------------------------------------


@cache
def objects() -> tuple[Mapping[str, Any], ...]:
    return tuple(loaded for path in MANIFESTS for loaded in yaml.safe_load_all(path.read_text("utf-8")))


def named(thing: Mapping[str, Any]) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"


def pods() -> list[Mapping[str, Any]]:
    return [thing["spec"]["template"] for thing in objects() if thing["kind"] in ("Deployment", "Job")]


@pytest.mark.parametrize("version", ["1.31", "1.37"])
@pytest.mark.parametrize("thing", objects(), ids=named)
def test_a_manifest_is_what_kubernetes_publishes_as_its_schema(thing: Mapping[str, Any], version: str):
    kubernetes_validate.validate(dict(thing), version, strict=True)


def test_a_manifest_with_a_slip_would_be_noticed():
    thing = {**next(thing for thing in objects() if thing["kind"] == "Deployment")}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**thing, "spec": {**thing["spec"], "replica": 1}}, "1.37", strict=True)


def test_the_pods_run_the_four_commands_without_rights():
    assert sorted(pod["spec"]["containers"][0]["args"][0] for pod in pods()) == sorted(SERVICES)
    for pod in pods():
        (container,) = pod["spec"]["containers"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert pod["spec"]["securityContext"]["runAsUser"] == 10001, "the user of the image"
        assert not pod["spec"]["automountServiceAccountToken"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["spec"]["volumes"]} == {"key", "state", "cache", "tmp"}
        assert container["resources"]["limits"]["memory"]


def test_the_pods_set_only_variables_that_are_read():
    (settings,) = (thing["data"] for thing in objects() if thing["kind"] == "ConfigMap")
    names = {row["name"] for pod in pods() for row in pod["spec"]["containers"][0]["env"]}
    assert known({*settings, *names})
    assert Settings.from_environ(settings).port == 8080
    assert not re.search(r"KEY|SECRET|TOKEN|PASSWORD", " ".join(settings)), "secrets are no configuration"


def test_every_selector_finds_pods_and_every_port_is_the_web_process():
    labels = [pod["metadata"]["labels"] for pod in pods()]
    selectors = []
    for thing in objects():
        spec = thing.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector")
        if selector:
            selectors.append(selector.get("matchLabels", selector))
    assert len(selectors) == 7
    assert [
        selector for selector in selectors if not any(selector.items() <= label.items() for label in labels)
    ] == []
    listening = [pod["spec"]["containers"][0] for pod in pods() if "ports" in pod["spec"]["containers"][0]]
    assert [container["name"] for container in listening] == ["web"]
    probes = {listening[0][name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")}
    routes = set(re.findall(r'@app\.get\("(/\w+)"\)', (ROOT / "webhooks" / "app.py").read_text()))
    assert probes == {"/healthz", "/readyz"} <= routes


def test_the_kustomization_names_every_manifest():
    loaded = yaml.safe_load(text("kubernetes/kustomization.yaml"))
    assert loaded["resources"] == [path.name for path in MANIFESTS]
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on this machine: the kustomization was only read")
    done = subprocess.run(
        ["kubectl", "kustomize", DEPLOY / "kubernetes"], capture_output=True, text=True, check=False
    )
    if "executable file not found" in done.stderr:
        pytest.skip("kubectl cannot run on this machine")
    assert sorted(map(named, yaml.safe_load_all(done.stdout))) == sorted(map(named, objects()))


# --- limits that stand in several files --------------------------------------------------------------------------


def test_the_body_limits_of_the_proxies_are_that_of_the_web_process():
    limit = Settings.from_environ({}).body_limit // MIB
    assert f"client_max_body_size {limit}m;" in text("proxy/nginx.conf")
    assert re.findall(r"max_size (\w+)", text("proxy/Caddyfile")) == [f"{limit}MiB"]


def test_everybody_waits_longer_for_a_stop_than_the_supervisor_for_its_processes():
    from reviewer.processes.serve import STOP_SECONDS

    waits = [int(compose()["services"][name]["stop_grace_period"].removesuffix("s")) for name in SERVICES]
    waits += [int(value) for path in UNITS for _section, name, value in unit(path) if name == "TimeoutStopSec"]
    waits += [pod["spec"]["terminationGracePeriodSeconds"] for pod in pods()]
    assert len(waits) == 12
    assert min(waits) > STOP_SECONDS + 6
