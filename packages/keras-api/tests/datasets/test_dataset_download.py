"""Downloads are resumed, checked and kept, or leave nothing; against a server of our own."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from penstock import keras
from penstock.errors import FormatError
from penstock_keras_api.datasets import _download, _files
from penstock_keras_api.datasets._download import DownloadError
from penstock_keras_api.datasets._origins import Origin

CONTENT = np.random.default_rng(0).bytes(700_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serve CONTENT; break off as told, and remember what was asked."""

    def __init__(self):
        self.ranges, self.breaks, self.resumes = [], [], True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()

    def answer(self, handler):
        self.ranges.append(handler.headers.get("Range"))
        if not handler.path.endswith("file"):
            handler.send_error(404)
            return
        start = int(self.ranges[-1].split("=")[1][:-1]) if self.ranges[-1] and self.resumes else 0
        if start >= len(CONTENT):
            handler.send_error(416)
            return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(CONTENT) - start))
        handler.end_headers()
        end = self.breaks.pop(0) if self.breaks else len(CONTENT)
        handler.wfile.write(CONTENT[start:end])


@pytest.fixture
def server():
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()
    made.thread.join()


def fetch(server, target, digest=DIGEST):
    return _download.download(f"{server.url}/file", target, digest, verbose=False)


def test_download(server, tmp_path):
    target = tmp_path / "new" / "file"
    assert fetch(server, target) == target
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["file"]
    fetch(server, target)
    assert len(server.ranges) == 1  # what is there is not fetched again


def test_md5_is_known_by_its_length(server, tmp_path):
    assert fetch(server, tmp_path / "file", hashlib.md5(CONTENT).hexdigest()).is_file()


def test_broken_downloads_go_on(server, tmp_path):
    server.breaks = [300_000, 500_000]
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-", "bytes=500000-"]


def test_what_an_earlier_program_left_is_used(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:123_456])
    fetch(server, tmp_path / "file")
    assert server.ranges == ["bytes=123456-"]


def test_a_whole_part_is_not_fetched_again(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_servers_that_cannot_resume(server, tmp_path):
    server.resumes = False
    (tmp_path / "file.part").write_bytes(b"other bytes")
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_wrong_bytes_leave_nothing(server, tmp_path):
    with pytest.raises(FormatError, match="download it again"):
        fetch(server, tmp_path / "file", "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_it_gives_up_and_keeps_what_came(server, tmp_path):
    server.breaks = [1000, 2000, 3000, 4000, 5000]
    with pytest.raises(DownloadError, match="broke off 5 times; try again"):
        fetch(server, tmp_path / "file")
    assert (tmp_path / "file.part").read_bytes() == CONTENT[:5000]


def test_missing_files_are_told_at_once(server, tmp_path):
    with pytest.raises(DownloadError, match=r"404.*put the file into"):
        _download.download(f"{server.url}/nothing", tmp_path / "f", DIGEST, verbose=False)
    assert len(server.ranges) == 1


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_only_when_asked(server, tmp_path, monkeypatch, way):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("PENSTOCK_MIRROR", raising=False)
    monkeypatch.delenv("PENSTOCK_DOWNLOAD", raising=False)
    origin = Origin("folder", "file", f"{server.url}/file", DIGEST)
    with pytest.raises(keras.datasets.DatasetNotFoundError, match="download=True"):
        _files.fetch(origin)
    assert server.ranges == []
    if way == "environment":
        monkeypatch.setenv("PENSTOCK_DOWNLOAD", "1")
    found = _files.fetch(origin, download=way == "argument")
    assert found == tmp_path / "datasets" / "file"
    assert _files.fetch(origin) == found


def test_a_mirror_may_be_an_address(server, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("PENSTOCK_MIRROR", server.url + "/")
    origin = Origin("folder", "file", "http://127.0.0.1:9/never", DIGEST)
    assert _files.fetch(origin, download=True).read_bytes() == CONTENT
