"""A worker for Sluicegate, standard library only: python3 examples/worker.py [port]"""
import base64, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def infer(value):
    return len(value) if hasattr(value, "__len__") else value  # your model goes here

def answer(entry):
    value = entry["event"]  # JSON as it was produced; anything else is base64, and contentType says so
    if entry.get("contentType", "application/json") != "application/json":
        value = base64.b64decode(value)
    try:
        return {"entryId": entry["entryId"], "status": "SUCCESS", "result": infer(value)}
    except ValueError:  # this record will never work; RETRY would be for one that may work later
        return {"entryId": entry["entryId"], "status": "DROP"}

class Worker(BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True  # keep connections, answer without delay

    def do_POST(self):
        batch = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.reply({"statuses": [answer(entry) for entry in batch["entries"]]})

    def do_GET(self):  # WORKER_HEALTH_URL
        self.reply({"ready": True})

    def reply(self, body):
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Worker).serve_forever()
