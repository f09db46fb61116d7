"""As much of a Kubernetes API as `helm install --dry-run` asks for: which kinds there are, and that nothing is there."""

import contextlib
import http.server
import json
import pathlib
import threading

KINDS = {
    "v1": ["ConfigMap", "Service"],
    "apps/v1": ["Deployment"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "monitoring.coreos.com/v1": ["PodMonitor", "PrometheusRule", "ServiceMonitor"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "policy/v1": ["PodDisruptionBudget"],
}


def plural(kind):
    return kind.lower().removesuffix("y") + ("ies" if kind.endswith("y") else "s")


def answer(path, version):
    """What the API says to a GET; nothing for what is not there."""
    if path == "/version":
        major, minor, _ = version.split(".")
        return {"major": major, "minor": minor, "gitVersion": f"v{version}"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [it for it in KINDS if "/" in it]
        versions = [{"groupVersion": it, "version": it.split("/")[1]} for it in groups]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
            {"name": it["groupVersion"].split("/")[0], "versions": [it], "preferredVersion": it} for it in versions
        ]}
    group = path.removeprefix("/apis/").removeprefix("/api/")
    if group in KINDS:
        return {"kind": "APIResourceList", "groupVersion": group, "resources": [
            {"name": plural(kind), "kind": kind, "namespaced": True, "verbs": ["get", "create"]} for kind in KINDS[group]
        ]}
    return None


@contextlib.contextmanager
def cluster(folder: pathlib.Path, version):
    """The path of a kubeconfig that leads there."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = answer(self.path.split("?")[0], version)
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(found or missing).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "users": [{"name": "test", "user": {}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    try:
        yield path
    finally:
        server.shutdown()
        server.server_close()
