# SPDX-License-Identifier: Apache-2.0
"""Real search servers: what is in them, and nodes of one's own that are stopped, killed and started again."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts/servers"


class Server:
    """What a server is asked for, by its address."""

    def __init__(self, url):
        self.url = url

    def ask(self, method, path, body=None, timeout=120):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def count(self, index):
        """0 when there is no such index yet, or its shards are being made."""
        found = "ignore_unavailable=true&allow_no_indices=true"
        self.ask("POST", f"/{index}/_refresh?{found}")
        try:
            return self.ask("GET", f"/{index}/_count?{found}")["count"]
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return 0

    def documents(self, index, *fields):
        """Of each document these fields, in any order; none when there is no such index yet."""
        found = "ignore_unavailable=true&allow_no_indices=true"
        self.ask("POST", f"/{index}/_refresh?{found}")
        page = self.ask("POST", f"/{index}/_search?scroll=1m&{found}",
                        {"size": 10000, "_source": fields, "sort": ["_doc"]})
        documents = []
        while page["hits"]["hits"]:
            if page["_shards"]["failed"]:
                raise RuntimeError(f"not all of {index} can be read: {page['_shards']}")
            documents += [tuple(hit["_source"].get(field) for field in fields) for hit in page["hits"]["hits"]]
            page = self.ask("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})
        return documents

    def remove(self, *names):
        for name in names:
            try:
                self.ask("DELETE", f"/{name}")
            except urllib.error.HTTPError as error:
                if error.code not in (404, 405):  # 405: Elasticsearch's free jars have no data streams
                    raise


class Node(Server):
    """A node of its own, that a test may stop, kill and start again."""

    def __init__(self, flavour, *settings):
        self.flavour, self.settings = flavour, settings
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.port = 0
        self.start()

    def script(self, *arguments):
        done = subprocess.run([SCRIPTS / self.flavour, *arguments], text=True,
                              capture_output=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)

    def start(self):
        self.script("start", self.folder.name, str(self.port), *self.settings)
        super().__init__((pathlib.Path(self.folder.name) / "url").read_text().strip())
        self.port = int(self.url.rsplit(":", 1)[1])

    def pid(self):
        return int((pathlib.Path(self.folder.name) / "pid").read_text())

    def suspend(self):
        os.kill(self.pid(), signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid(), signal.SIGCONT)

    def stop(self):
        self.script("stop", self.folder.name)

    def kill(self):
        self.script("stop", self.folder.name, "--kill")

    def close(self):
        self.kill()
        self.folder.cleanup()


def shared(flavour):
    """The node that ctest's fixture started, for tests that leave it as it is."""
    return Server((pathlib.Path(os.environ["NEK_BUILD_DIR"]) / f"servers/{flavour}/url").read_text().strip())
