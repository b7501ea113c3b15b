#!/usr/bin/env python3
"""A language model for checks of the whole program: repeats what it was asked, word by word.

Speaks the streaming chat of OpenAI and of Ollama on a free port, whose address it prints first. Needs nothing beyond
the standard library.
"""
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/v1/models":
            self.reply("application/json", [json.dumps({"object": "list", "data": [{"id": "fake"}]})])
        elif self.path == "/api/tags":
            self.reply("application/json", [json.dumps({"models": [{"name": "fake", "model": "fake"}]})])
        else:
            self.send_error(404)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = f"You said: {asked['messages'][-1]['content']}"
        words = [word + " " for word in answer.split(" ")]
        if self.path == "/v1/chat/completions":
            self.reply("text/event-stream", self.openai(words))
        elif self.path == "/api/chat":
            self.reply("application/x-ndjson", self.ollama(asked["model"], words))
        else:
            self.send_error(404)

    @staticmethod
    def openai(words):
        def event(choices, **more):
            return f"data: {json.dumps({'object': 'chat.completion.chunk', 'choices': choices, **more})}\n\n"

        for word in words:
            yield event([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
        yield event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        yield event([], usage={"prompt_tokens": 5, "completion_tokens": len(words), "total_tokens": 5 + len(words)})
        yield "data: [DONE]\n\n"

    @staticmethod
    def ollama(model, words):
        def line(content, **more):
            message = {"role": "assistant", "content": content}
            return json.dumps({"model": model, "message": message, "done": False, **more}) + "\n"

        for word in words:
            yield line(word)
        yield line("", done=True, done_reason="stop", prompt_eval_count=5, eval_count=len(words))

    def reply(self, content_type, pieces):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            data = piece.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
