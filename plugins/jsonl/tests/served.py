"""A web server on this machine with files that a test changes."""

import email.utils
import http.server
import threading


class Served:
    """Files by path. `etags`: whether contents have names; `modified`: seconds since 1970, if told."""

    def __init__(self):
        self.files = {}
        self.etags = True
        self.modified = None
        self.asked = []
        served = self

        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                served.answer(self)

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, request):
        content = self.files.get(request.path)
        status = 404 if content is None else 200
        headers = {}
        if content is not None and self.etags:
            headers["ETag"] = f'"{hash(content)}"'
        if content is not None and self.modified is not None:
            headers["Last-Modified"] = email.utils.formatdate(self.modified, usegmt=True)
        asked = request.headers
        same_etag = "ETag" in headers and asked.get("if-none-match") == headers["ETag"]
        same_date = "Last-Modified" in headers and asked.get("if-modified-since") == headers["Last-Modified"]
        if same_etag or same_date:
            status = 304
        self.asked.append(status)
        body = (content or "").encode() if status == 200 else b""
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
