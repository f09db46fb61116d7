"""Prints how a kubelet would start the sidecar of these values (JSON, the only argument): its arguments, its
environment, and the files of each mount. What comes from a secret is {"secret": name, "key": key}."""

import json
import sys

from chart import merged, one, pod, render, sidecar


def files(volume, objects):
    """The files of a volume, by their paths in it."""
    found = {}
    for source in volume["projected"]["sources"]:
        [(kind, said)] = source.items()
        if kind == "secret":
            found |= {item["path"]: {"secret": said["name"], "key": item["key"]} for item in said["items"]}
            continue
        data = one(objects, "ConfigMap", said["name"])["data"]
        items = said.get("items") or [{"key": key, "path": key} for key in data]
        found |= {item["path"]: data[item["key"]] for item in items}
    return found


def start(values, kube):
    objects = render(values, kube)
    ours, volumes = sidecar(objects), {it["name"]: it for it in pod(objects)["volumes"]}
    env = {}
    for variable in ours["env"]:
        source = variable.get("valueFrom", {}).get("secretKeyRef")
        env[variable["name"]] = {"secret": source["name"], "key": source["key"]} if source else variable["value"]
    return {
        "args": ours["args"],
        "env": env,
        "mounts": {it["mountPath"]: files(volumes[it["name"]], objects) for it in ours["volumeMounts"]},
    }


if __name__ == "__main__":
    kube, *values = sys.argv[1:]
    json.dump(start(merged(*map(json.loads, values)), kube), sys.stdout)
