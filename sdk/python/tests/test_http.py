"""Requests outside the sandbox, where they go through sockets: what came of them is told in the
same words."""

import http.server
import socket
import threading
import unittest

from lockstep_sdk import http as sdk


class Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["content-length"])
        if self.path == "/silence":
            self.rfile.read(length)
            self.connection.close()
            return
        self.send_response(429 if self.path == "/busy" else 302)
        self.send_header("Retry-After", "3")
        self.send_header("Location", "http://elsewhere.invalid/")
        self.end_headers()
        self.wfile.write(self.rfile.read(length))

    def log_message(self, *args):
        pass


class Requests(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()

    def test_an_answer_of_any_status_is_an_answer(self):
        answer = sdk.send("POST", self.url + "/busy", json={"a": 1})
        self.assertEqual((answer.status, answer.json(), answer.retry_after_ms(5)), (429, {"a": 1}, 3000))
        self.assertEqual(sdk.send("POST", self.url + "/", body=b"x").status, 302)

    def test_what_left_without_an_answer_is_unknown(self):
        with self.assertRaises(sdk.Unknown):
            sdk.send("POST", self.url + "/silence", body=b"x")

    def test_what_never_left_is_not_sent(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            with self.assertRaises(sdk.NotSent):
                sdk.send("GET", f"http://127.0.0.1:{nobody.getsockname()[1]}/")

    def test_an_answer_has_no_more_bytes_than_may_be(self):
        with self.assertRaises(sdk.TooLarge):
            sdk.send("POST", self.url + "/", body=b"xx", max_bytes=1)


if __name__ == "__main__":
    unittest.main()
