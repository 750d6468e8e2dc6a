"""Ports for servers that tests start."""
import random
import socket


def free_port():
    """Below the range that the kernel gives to outgoing connections (32768 on): in it, another test's dialler could be given
    the number before the server that it was chosen for has it."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            try:
                t.bind(("127.0.0.1", port))
                u.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port between 12000 and 32000 on 127.0.0.1")
