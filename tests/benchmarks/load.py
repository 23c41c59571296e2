"""`python -m tests.benchmarks.load`: sends requests over keep-alive connections as fast as they are answered.

Standard input holds one JSON object: `port`, `seconds`, `headers`, and `lanes`, one list of requests (`path`,
`headers`, `body`) per connection. Each connection sends its requests in order until the time is over. Standard
output gets `{"answered": n, "seconds": s, "statuses": {"201": n}, "latencies_ms": [p50, p95, p99]}`.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any


async def _lane(
    port: int, until: float, requests: list[dict[str, Any]], common: dict[str, str], seen: Counter[str]
) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies = []
    for request in requests:
        if time.perf_counter() >= until:
            break
        body = json.dumps(request["body"]).encode()
        headers = {"Host": "x", "Content-Type": "application/json", **common, **request["headers"]}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        begin = time.perf_counter()
        writer.write(f"POST {request['path']} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        latencies.append(time.perf_counter() - begin)
        seen[answer.split(b" ", 2)[1].decode()] += 1
    else:
        raise RuntimeError("a connection ran out of requests before the time was over")
    writer.close()
    return latencies


async def _run(task: dict[str, Any]) -> dict[str, Any]:
    seen: Counter[str] = Counter()
    begin = time.perf_counter()
    until = begin + task["seconds"]
    lanes = [_lane(task["port"], until, lane, task["headers"], seen) for lane in task["lanes"]]
    latencies = sorted(latency for lane in await asyncio.gather(*lanes) for latency in lane)
    seconds = time.perf_counter() - begin
    quantiles = [round(1000 * latencies[int(len(latencies) * share)], 2) for share in (0.5, 0.95, 0.99)]
    return {
        "answered": len(latencies),
        "seconds": seconds,
        "statuses": dict(seen),
        "latencies_ms": quantiles,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(json.load(sys.stdin)))))
