#!/usr/bin/env python3
"""A clock: a page at /, server-sent events at /events. Nothing but the standard library.

Shows that a stream flows through the gateway as it is written, and that a replaced clock goes on
ticking in the browser: on SIGTERM the open streams end cleanly and the page reconnects by itself.
"""

import html
import os
import signal
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "3000"))

stopping = threading.Event()

# <base> makes the relative link right under /clock/, under /clock and under clock.localhost alike.
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>clock</title>
<base href="{base}">
<style>body{{font:1rem/1.5 system-ui;display:grid;place-content:center;min-height:90vh;text-align:center}}
time{{font:600 clamp(3rem,14vw,8rem)/1 ui-monospace,monospace}}p{{color:gray}}</style>
<time>--:--:--</time><p>waiting for the first tick</p>
<script>
const [time, note] = document.querySelectorAll('time, p')
const events = new EventSource('events')
events.onmessage = (event) => {{ time.textContent = event.data }}
events.addEventListener('from', (event) => {{ note.textContent = event.data }})
events.onerror = () => {{ note.textContent = 'reconnecting' }}
</script>
"""


class Clock(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 75  # seconds an idle connection is kept; a connection that never says anything ends the same way

    def do_GET(self):
        # We never read bodies. Bytes left behind would be taken for the next request, so the connection ends here.
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True
        path = self.path.partition("?")[0]
        if path == "/":
            self.answer(200, "text/html; charset=utf-8", self.page())
        elif path == "/events" and self.command == "GET" and self.request_version == "HTTP/1.1":
            self.stream()
        else:
            self.answer(404, "text/plain; charset=utf-8", "There is a page at / and a stream at /events.\n")

    do_HEAD = do_GET

    def page(self):
        base = self.headers.get("X-Forwarded-Prefix", "") + "/"
        return PAGE.format(base=html.escape(base))

    def answer(self, status, content_type, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection or stopping.is_set():
            self.send_header("Connection", "close")  # also sets close_connection
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        run = os.environ.get("QUAYMASTER_RUN", "-")
        # 300 ms until the browser asks again once this stream is over.
        self.chunk(f"retry: 300\nevent: from\ndata: run {run}, process {os.getpid()}\n\n")
        while not stopping.is_set():
            self.chunk(time.strftime("data: %H:%M:%S\n\n"))
            stopping.wait(1.002 - time.time() % 1)  # until just after the next full second
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # the reader went away: the normal end of a stream

    def log_message(self, *_):
        pass  # the gateway writes the access log


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def server_bind(self):
        # HTTPServer looks its own name up in DNS here, which can take seconds and is used by nobody.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, PORT


def stop(*_):
    stopping.set()
    # shutdown() waits for serve_forever(), which runs in this very thread: it has to be asked from another one.
    threading.Thread(target=server.shutdown).start()


server = Server((HOST, PORT), Clock)
signal.signal(signal.SIGTERM, stop)
print(f"ticking on http://{HOST}:{PORT}", flush=True)
server.serve_forever(poll_interval=0.1)
server.server_close()  # nobody new
open_until = time.monotonic() + 2
while threading.active_count() > 1 and time.monotonic() < open_until:
    time.sleep(0.02)  # streams say goodbye; idle connections are not waited for beyond this
