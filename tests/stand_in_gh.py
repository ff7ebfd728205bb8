"""A stand-in for GitHub's program `gh`: the verbs of `gh release`, on a folder in place of GitHub.

It is run with GH_STATE naming that folder: state.json has the releases by tag, tags.json the tags
pushed, calls.jsonl every call. faults.json lists what is to go wrong, each once: a verb, the file
name it is about, and how: `fail`, `half` (the connection breaks in the middle), `kill` (the same,
and the program that called is killed), `spoil` (other bytes arrive).
"""

import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

STATE = Path(os.environ["GH_STATE"])


def load(name, default):
    path = STATE / name
    return json.loads(path.read_text()) if path.exists() else default


def save(name, content):
    (STATE / name).write_text(json.dumps(content))


def fail(message, status=1):
    print(message, file=sys.stderr)
    sys.exit(status)


def option(arguments, name):
    return arguments[arguments.index(name) + 1] if name in arguments else None


def fault(verb, name):
    faults = load("faults.json", [])
    for each in faults:
        if each["verb"] == verb and each.get("file") in (None, name):
            faults.remove(each)
            save("faults.json", faults)
            return each["how"]
    return None


def view(release, releases, tag, arguments):
    assert option(arguments, "--json") == "assets,isDraft"
    rows = [{"name": name, **asset} for name, asset in release["assets"].items()]
    print(json.dumps({"isDraft": release["draft"], "assets": rows}))


def create(release, releases, tag, arguments):
    if tag not in load("tags.json", ["v1"]):
        fail(f"tag {tag} doesn't exist in the repo, aborting due to --verify-tag flag")
    assert {"--draft", "--verify-tag"} <= {*arguments}
    notes = Path(option(arguments, "--notes-file")).read_text()
    releases[tag] = {"draft": True, "assets": {}, "notes": notes}


def upload(release, releases, tag, arguments):
    path = Path(arguments[0])
    if path.name in release["assets"] and "--clobber" not in arguments:
        fail(f"asset under the same name already exists: [{path.name}]")
    content = path.read_bytes()
    how = fault("upload", path.name)
    if how == "fail":
        fail("HTTP 502: Bad Gateway (https://uploads.example/assets)")
    whole = how not in ("half", "kill")
    content = {"spoil": content + b"!", None: content}.get(how, content[: len(content) // 2])
    (STATE / path.name).write_bytes(content)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    release["assets"][path.name] = {
        "size": len(content),
        "digest": digest if whole and load("digests.json", True) else None,
        "state": "uploaded" if whole else "starter",
    }
    save("state.json", releases)
    if how == "kill":
        os.kill(os.getppid(), signal.SIGKILL)
    if not whole:
        fail("Post https://uploads.example/assets: write: connection reset by peer")


def download(release, releases, tag, arguments):
    name = option(arguments, "--pattern")
    shutil.copy(STATE / name, Path(option(arguments, "--dir")) / name)


def edit(release, releases, tag, arguments):
    assert "--draft=false" in arguments
    release["draft"] = False


def main():
    arguments = sys.argv[1:]
    with (STATE / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    if fault("login", None):
        fail("To get started with GitHub CLI, please run:  gh auth login\nAlternatively, …", 4)
    group, verb, tag = arguments[:3]
    assert group == "release"
    assert option(arguments, "--repo") == "somebody/networks"
    releases = load("state.json", {})
    if tag not in releases and verb != "create":
        fail("release not found")
    how = fault(verb, None) if verb != "upload" else None
    if how == "fail":
        fail("HTTP 503: Service Unavailable")
    verbs = (view, create, upload, download, edit)
    {each.__name__: each for each in verbs}[verb](releases.get(tag), releases, tag, arguments[3:])
    save("state.json", releases)


main()
