"""A bad link between a site and its centre, made by a seed: a TCP relay that delays, stalls (what loss is to TCP), slows down,
goes half-open, cuts, and lets connections stand in another order than they were dialled in. The kernel's netem is not needed.

usage: relay.py SEED LISTEN_HOST CENTRE_HOST PORT[,PORT...] [--delay MS]     orders on standard input, one a line:
  good | cut | halfopen | slow BYTES_PER_SECOND | stall MS | random SECONDS | quit
random plays all of them for so long, then is good. Each order is answered by a line 'ok ORDER'; at quit: 'bytes N connections N faults N'.
"""
import asyncio
import os
import random
import sys


class Link:
    def __init__(self, seed, delay_ms):
        self.rnd = random.Random(seed)
        self.delay = delay_ms / 1000
        self.up, self.half, self.rate, self.stall_until = True, False, 0, 0.0
        self.writers, self.total, self.connections, self.faults = set(), 0, 0, 0

    def set(self, up=True, half=False, rate=0):
        self.up, self.half, self.rate = up, half, rate
        if not up:
            for w in list(self.writers):
                w.transport.abort()  # RST, as a path that is gone answers

    async def hear(self, reader, queue):
        """What comes in, with the time at which it is to go out: a delay is no limit of the rate."""
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(65536):
                await queue.put((loop.time() + self.delay * self.rnd.uniform(0.5, 1.5), data))
        except OSError:
            pass
        await queue.put((0, b""))

    async def pump(self, reader, writer):
        loop = asyncio.get_running_loop()
        queue = asyncio.Queue(64)  # 4 MiB under way, then the sender waits
        ear = asyncio.create_task(self.hear(reader, queue))
        try:
            while True:
                due, data = await queue.get()
                if not data:
                    break
                await asyncio.sleep(max(0, due - loop.time()))
                while self.half or loop.time() < self.stall_until:  # not a word, and no end either
                    await asyncio.sleep(0.01)
                if self.rate:
                    await asyncio.sleep(len(data) / self.rate)
                self.total += len(data)
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            ear.cancel()
            writer.close()

    async def accept(self, reader, writer, centre, port):
        self.connections += 1
        await asyncio.sleep(self.rnd.uniform(0, 0.15))  # who dialled first need not stand first
        while self.half:
            await asyncio.sleep(0.05)
        if not self.up:
            writer.transport.abort()
            return
        try:
            there = await asyncio.open_connection(centre, port)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, there[1]}
        await asyncio.gather(self.pump(reader, there[1]), self.pump(there[0], writer))
        self.writers -= {writer, there[1]}

    async def random_for(self, seconds):
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            what = self.rnd.choice(("cut", "halfopen", "slow", "stall", "stall", "good"))
            how_long = min(self.rnd.uniform(0.2, 3.0), end - loop.time())
            self.faults += what != "good"
            if what == "cut":
                self.set(up=False)
            elif what == "halfopen":
                self.set(half=True)
            elif what == "slow":
                self.set(rate=self.rnd.randrange(20000, 200000))
            elif what == "stall":
                self.stall_until = loop.time() + self.rnd.uniform(0.1, 1.0)
            await asyncio.sleep(max(how_long, 0))
            self.set()

    async def order(self, line):
        word = line.split()
        if word[0] == "good":
            self.set()
        elif word[0] == "cut":
            self.set(up=False)
        elif word[0] == "halfopen":
            self.set(half=True)
        elif word[0] == "slow":
            self.set(rate=int(word[1]))
        elif word[0] == "stall":
            self.stall_until = asyncio.get_running_loop().time() + int(word[1]) / 1000
        elif word[0] == "random":
            await self.random_for(float(word[1]))
        else:
            raise SystemExit(f"relay does not know {line!r}")


async def main(seed, listen, centre, ports, delay):
    link = Link(seed, delay)
    servers = [await asyncio.start_server(lambda r, w, p=p: link.accept(r, w, centre, p), listen, p) for p in ports]
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    print("ready" if servers else "no ports", flush=True)
    while True:
        line = (await stdin.readline()).decode().strip()
        if not line or line == "quit":
            break
        await link.order(line)
        print("ok", line, flush=True)
    print(f"bytes {link.total} connections {link.connections} faults {link.faults}", flush=True)
    os._exit(0)  # what stands is cut


if __name__ == "__main__":
    delay_ms = int(sys.argv[sys.argv.index("--delay") + 1]) if "--delay" in sys.argv else 0
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], [int(p) for p in sys.argv[4].split(",")], delay_ms))
