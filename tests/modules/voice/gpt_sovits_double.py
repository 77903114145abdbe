"""A GPT-SoVITS server for tests: the HTTP of its ``api_v2.py``, byte by byte, on a real socket.

It speaks a tone instead of words. What it does wrong is chosen by `behaviour`.
"""

from __future__ import annotations

import contextlib
import io
import json
import threading
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

RATE = 32_000
LANGUAGES = {"auto", "auto_yue", "en", "zh", "ja", "yue", "ko", "all_zh", "all_ja"}
SECONDS = 0.6
SILENCE = np.zeros(16_000, "<i2")


def tone(seconds=SECONDS, rate=RATE):
    t = np.arange(round(seconds * rate)) / rate
    return (8_000 * np.sin(2 * np.pi * 220 * t)).astype("<i2")


def wav(samples=b"", rate=RATE, channels=1):
    """What Python's wave module writes; without frames, the header of a stream."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    return buffer.getvalue()


class SovitsDouble:
    """Runs on a port of its own; tells what it was asked and how many requests overlapped."""

    def __init__(self):
        self.behaviour = "speak"
        self.requests = []
        self.restarts = 0
        self.in_flight = self.most_in_flight = 0
        self.begun = threading.Event()
        self.hung_up = threading.Event()
        self.go_on = threading.Event()
        self._lock = threading.Lock()
        self._server = None
        self._port = 0
        self._listen()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    def close(self):
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def restart(self):
        """Be away for a moment, as a process that replaces itself."""
        self.restarts += 1

        def again():
            self.close()
            self.go_on.clear()
            self._listen()

        threading.Thread(target=again).start()

    def _listen(self):
        double = self

        class Handler(_Handler):
            server_double = double

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @contextlib.contextmanager
    def counted(self):
        with self._lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield
        finally:
            with self._lock:
                self.in_flight -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_double: SovitsDouble

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        command = parse_qs(url.query).get("command")
        if url.path != "/control" or command is None:
            self._json(400, {"message": "command is required"})
        elif command == ["restart"]:
            self.server_double.restart()
            self.close_connection = True  # no answer: the process is replaced

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        double = self.server_double
        double.requests.append(request)
        with double.counted():
            double.begun.set()
            if wrong := _wrong(request):
                self._json(400, {"message": wrong})
                return
            try:
                self._speak(double.behaviour, request["streaming_mode"])
            except OSError:
                double.hung_up.set()

    def _speak(self, behaviour, mode):  # noqa: C901, PLR0912 - one line a fault
        double = self.server_double
        match behaviour:
            case "failed":
                self._json(400, {"message": "tts failed", "Exception": "reference not found"})
            case "slow":
                double.go_on.wait(20)
                self._whole(wav(tone().tobytes()))
            case "silent" if mode == 0:
                self._whole(wav(SILENCE.tobytes(), 16_000))
            case "silent":
                self._stream([wav(rate=16_000), SILENCE.tobytes()])
            case "html":
                self._whole(b"<html>nginx</html>")
            case "nothing":
                self._whole(b"")
            case "header":
                self._stream([wav()])
            case "stereo":
                self._whole(wav(tone().tobytes(), channels=2))
            case "odd rate":
                self._whole(wav(tone().tobytes(), 12_345))
            case "bytes":  # each byte in a chunk of its own
                data = wav() + tone(0.02).tobytes()
                self._stream([data[at : at + 1] for at in range(len(data))])
            case "half a sample":
                self._stream([wav(), tone().tobytes()[:-1]])
            case "late silence":
                self._stream([wav(), tone().tobytes(), SILENCE.tobytes()])
            case "broken":
                self._stream([wav(), tone().tobytes()], whole=False)
            case "stalled":
                self._stream([wav(), tone().tobytes()], whole=False, stay=True)
            case _ if mode == 0:
                self._whole(wav(tone().tobytes()))
            case _:
                pause = np.zeros(round(0.3 * RATE), "<i2").tobytes()
                self._stream([wav(), tone().tobytes(), pause, tone().tobytes(), pause])

    def _json(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _whole(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, pieces, *, whole=True, stay=False):
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if stay:
            self.connection.settimeout(20)
            if self.connection.recv(1) == b"":
                self.server_double.hung_up.set()
        if whole:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True


def _wrong(request):
    """What api_v2's check_params says of a request; empty if nothing."""
    for key in ("ref_audio_path", "text", "text_lang", "prompt_lang"):
        if not request.get(key):
            return f"{key} is required"
    for key in ("text_lang", "prompt_lang"):
        if request[key] not in LANGUAGES:
            return f"{key}: {request[key]} is not supported in version v2"
    if request.get("media_type", "wav") not in {"wav", "raw", "ogg", "aac"}:
        return "media_type is not supported"
    if request.get("streaming_mode", 0) not in {0, 1, 2, 3}:
        return "the value of streaming_mode must be 0, 1, 2, 3(int) or true/false(bool)"
    return ""
