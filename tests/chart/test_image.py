"""The image and the compose file, as far as that can be seen without Docker: what they name exists, what goes into
the image is complete, and the program takes the settings that they give it."""

import os
import pathlib
import re
import subprocess

import pytest
import yaml
from chart import ROOT, Strict, tool

BINARY = pathlib.Path(os.environ.get("OTP_SIDECAR_BINARY", "/nowhere"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.load((ROOT / "compose.yaml").read_text(encoding="utf-8"), Strict)
SERVICES = COMPOSE["services"]
MIB = 1024 * 1024


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **more)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("file", ["Dockerfile", "examples/express-wallet/Dockerfile"])
def test_the_linter_of_dockerfiles_has_nothing_to_say(file):
    assert run(tool("hadolint"), ROOT / file) == (0, "")


def copied():
    """The sources of the COPY lines of the first stage."""
    first = DOCKERFILE.split("FROM scratch")[0]
    return {word for line in re.findall(r"^COPY (.+) \S+$", first, re.MULTILINE) for word in line.split()}


def test_everything_that_the_compiler_reads_is_copied_and_let_through():
    # What rustc notes of the library: paths below the root of the repository, or absolute ones elsewhere.
    notes = sorted(BINARY.parent.glob("deps/otp_sidecar-*.d"), key=lambda path: path.stat().st_mtime)
    texts = [path.read_text(encoding="utf-8") for path in notes]
    # The lints read a file more.
    newest = [text for text in texts if "/libotp_sidecar-" in text and "clippy.toml" not in text][-1]
    listed = {ROOT / word for word in newest.split() if not word.endswith(":")}
    inside = [path.relative_to(ROOT) for path in listed if path.is_relative_to(ROOT) and path.is_file()]
    assert len(inside) > 100, "what the compiler reads was not found"
    # The image is made without the demo, and without what only git knows.
    inside = [path for path in inside if path.parts[0] != ".git"]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    through = {line.removeprefix("!") for line in ignored.splitlines() if line.startswith("!")}
    assert copied() == through
    missing = {str(path) for path in inside if not any(path.is_relative_to(copy) for copy in through)}
    assert not missing, missing
    for path in copied():
        assert (ROOT / path).exists(), path


def test_the_image_is_built_with_the_profile_of_its_compiler():
    cargo = (ROOT / ".cargo/config.toml").read_text(encoding="utf-8")
    [wrapper] = re.findall(r'^rustc-wrapper = "./(.+)/rustc"$', cargo, re.MULTILINE)
    assert {".cargo/config.toml", wrapper} <= copied()
    [version] = re.findall(r"^ARG RUST=([0-9.]+)-", DOCKERFILE, re.MULTILINE)
    assert (ROOT / wrapper / "compiler").read_text(encoding="utf-8").startswith(f"rustc {version}.")


@pytest.fixture(scope="module")
def image_root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    code, said = run(ROOT / "scripts/image-root.sh", BINARY, folder)
    assert code == 0, said
    return folder


def test_the_image_has_every_library_of_the_program_and_nothing_else_that_runs(image_root):
    programs = [path for path in image_root.rglob("*") if path.is_file() and os.access(path, os.X_OK)]
    libraries = [path for path in programs if ".so" in path.name]
    assert {path.name for path in programs} - {path.name for path in libraries} == {"otp-sidecar"}
    [loader] = [path for path in libraries if path.name.startswith("ld-linux")]
    [libc] = [path for path in libraries if path.name == "libc.so.6"]
    alone = [loader, "--inhibit-cache", "--library-path", libc.parent]
    code, said = run(*alone, image_root / "otp-sidecar", "--version", env={})
    assert code == 0 and said.startswith("otp-sidecar "), said
    # A library that is missing would be found on this machine instead.
    code, said = run(*alone, "--list", image_root / "otp-sidecar")
    found = [pathlib.Path(path) for path in re.findall(r"=> (\S+)", said)]
    assert code == 0 and len(found) >= 3 and all(path.is_relative_to(image_root) for path in found), said


def test_what_is_in_the_image_beside_the_program_is_small_and_known_to_scanners(image_root):
    size = sum(path.stat().st_size for path in image_root.rglob("*") if path.is_file())
    assert size - (image_root / "otp-sidecar").stat().st_size < 6 * MIB
    notes = {path.name: path.read_text() for path in (image_root / "var/lib/dpkg/status.d").iterdir()}
    assert notes.keys() == {"libc6", "libgcc-s1", "ca-certificates"}
    assert all(f"Package: {name}\n" in text and "\nVersion: " in text for name, text in notes.items())
    assert "BEGIN CERTIFICATE" in (image_root / "etc/ssl/certs/ca-certificates.crt").read_text()


def test_the_dockerfile_agrees_with_the_program_and_the_chart():
    cargo = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', cargo, re.MULTILINE).group(1)
    rust = re.search(r'^rust-version = "(.+)"$', cargo, re.MULTILINE).group(1)
    assert f"ARG RUST={rust}-bookworm" in DOCKERFILE
    assert f'image.version="{version}"' in DOCKERFILE and SERVICES["sidecar"]["image"] == f"otp-sidecar:{version}"
    for said in ("USER 65532:65532", "EXPOSE 7145 9145", "MIMALLOC_PURGE_DELAY=0", "MIMALLOC_ALLOW_THP=0"):
        assert said in DOCKERFILE
    build = re.search(r"cargo auditable build (.+) \\", DOCKERFILE).group(1)
    assert build.split() == ["--locked", "--release", "--no-default-features"]
    # The program knows the command of the check; nobody answers it here.
    command = re.search(r'^HEALTHCHECK .*CMD \["/otp-sidecar", (.+)\]$', DOCKERFILE, re.MULTILINE).group(1)
    words = [word.strip('" ') for word in command.split(",")]
    assert run(BINARY, *words, "--admin", "http://127.0.0.1:1")[0] == 1


def sources(service):
    """What a service mounts from the repository."""
    return [entry.split(":")[0] for entry in service.get("volumes", []) if entry.startswith("./")]


def test_everything_that_the_compose_file_names_is_there():
    for name, service in SERVICES.items():
        for source in sources(service):
            assert (ROOT / source).exists(), f"{name}: {source}"
        mode = service.get("network_mode", "service:sidecar").removeprefix("service:")
        assert {mode, *service.get("depends_on", {})} <= SERVICES.keys()
        if "image" in service and "build" not in service:
            assert re.fullmatch(r"[a-z/]+:v?[0-9][0-9a-z.-]*", service["image"]), "a version, not the latest"
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} would be open to the network"
    assert sorted(sources(SERVICES["grafana"])[1:]) == sorted(f"./dashboards/{it.name}" for it in ROOT.glob("dashboards/*.json"))


def test_only_the_sidecar_reaches_the_wallet_and_the_mail_catcher():
    sidecar = SERVICES["sidecar"]
    for name in ("wallet", "mail"):
        assert SERVICES[name]["network_mode"] == "service:sidecar" and "ports" not in SERVICES[name]
        # Said, since not every compose starts the owner of a network first.
        assert SERVICES[name]["depends_on"]["sidecar"] == {"condition": "service_started", "restart": True}
    env = SERVICES["wallet"]["environment"]
    assert sidecar["environment"]["OTP_SIDECAR_UPSTREAM"] == f"http://{env['HOST']}:{env['PORT']}"
    assert SERVICES["mail"]["environment"]["MP_SMTP_BIND_ADDR"] in sidecar["environment"]["OTP_SIDECAR_SMTP"]
    assert env["JWT_SECRET"] == sidecar["environment"]["JWT_SECRET"]
    assert not any(port.rsplit(":", 1)[1] == env["PORT"] for port in sidecar["ports"])


def test_the_program_takes_the_settings_of_the_compose_file():
    env = {**SERVICES["sidecar"]["environment"], "OTP_SIDECAR_LISTEN": "127.0.0.1:0", "OTP_SIDECAR_ADMIN_LISTEN": "127.0.0.1:0"}
    env |= {"OTP_SIDECAR_POLICIES": str(ROOT / "policies"), "OTP_SIDECAR_STATE": "redis://127.0.0.1:1/0"}
    # What is mounted lies elsewhere here.
    mounted = {target: source for source, target in (it.split(":")[:2] for it in SERVICES["sidecar"]["volumes"])}
    token = env["OTP_SIDECAR_ADMIN_TOKEN_FILE"]
    env["OTP_SIDECAR_ADMIN_TOKEN_FILE"] = str(ROOT / mounted[token])
    with subprocess.Popen(
        [BINARY, "serve"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if '"ready"' in line:
                process.terminate()
        assert process.wait() == 0, lines
    assert any('"ready"' in line for line in lines), lines


def test_prometheus_and_alertmanager_take_their_configurations(tmp_path):
    text = (ROOT / "deploy/compose/prometheus.yml").read_text(encoding="utf-8")
    inside = "/etc/prometheus/otp-sidecar"
    assert f"./alerts:{inside}:ro" in SERVICES["prometheus"]["volumes"] and inside in text
    (tmp_path / "prometheus.yml").write_text(text.replace(inside, str(ROOT / "alerts")), encoding="utf-8")
    code, said = run(tool("promtool"), "check", "config", tmp_path / "prometheus.yml")
    assert code == 0 and said.count("SUCCESS") > 5, said
    [job] = yaml.safe_load(text)["scrape_configs"]
    assert job["job_name"] == "otp-sidecar" and job["static_configs"][0]["labels"]["namespace"]
    code, said = run(tool("amtool"), "check-config", ROOT / "alerts/alertmanager.example.yaml")
    assert code == 0, said


def test_grafana_finds_the_dashboards_and_their_data():
    folder = ROOT / "deploy/compose/grafana"
    provider = yaml.safe_load((folder / "dashboards/otp-sidecar.yaml").read_text(encoding="utf-8"))["providers"][0]
    mounts = [entry.split(":")[1] for entry in SERVICES["grafana"]["volumes"][1:]]
    assert all(pathlib.PurePosixPath(mount).parent == pathlib.PurePosixPath(provider["options"]["path"]) for mount in mounts)
    assert SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] in mounts
    source = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text(encoding="utf-8"))["datasources"][0]
    assert source["type"] == "prometheus" and source["url"] == "http://prometheus:9090" and "prometheus" in SERVICES
