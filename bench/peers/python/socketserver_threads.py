"""Servers on socketserver, with a thread for each connection.

    python3 bench/peers/python/socketserver_threads.py echo 127.0.0.1:0
    python3 bench/peers/python/socketserver_threads.py http 127.0.0.1:0
    python3 bench/peers/python/socketserver_threads.py file 127.0.0.1:0 PATH

echo       ThreadingTCPServer with the documentation's handler: recv, sendall.
http       The same under http.server, which reads the whole head and sends Server and Date. What
           it sends is buffered, so that a reply is one write.
file       The same with socket.sendfile.
"""

import http.server
import os
import platform
import socketserver
import sys

BACKLOG = 4096


class Echo(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        while data := self.request.recv(16 * 1024):
            self.request.sendall(data)


class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", "13")
        self.end_headers()
        self.wfile.write(b"Hello, World!")

    def log_message(self, format, *args):
        pass


class Download(Hello):
    path_of_file = ""

    def do_GET(self):
        # Opened for each request: socket.sendfile leaves its mark in the file's position.
        with open(self.path_of_file, "rb") as file:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            self.wfile.flush()
            self.connection.sendfile(file)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = BACKLOG

    def handle_error(self, request, client_address):
        if not issubclass(sys.exc_info()[0], OSError):
            super().handle_error(request, client_address)


def main(kind, address, *path):
    host, _, port = address.rpartition(":")
    handler = {"echo": Echo, "http": Hello, "file": Download}[kind]
    if path:
        Download.path_of_file = path[0]
    with Server((host, int(port)), handler) as server:
        host, port = server.server_address
        url = f"tcp://{host}:{port}" if kind == "echo" else f"http://{host}:{port}/"
        print(f"listening on {url}", flush=True)
        server.serve_forever()


arguments = sys.argv[1:]
if arguments == ["--version"]:
    print(f"Python {platform.python_version()}, socketserver")
elif (arguments[:1], len(arguments)) in ((["echo"], 2), (["http"], 2), (["file"], 3)):
    main(*arguments)
else:
    sys.exit("usage: socketserver_threads.py echo|http ADDR:PORT, or file ADDR:PORT PATH")
