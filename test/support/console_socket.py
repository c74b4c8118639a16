"""Listens on a unix socket for the master of one terminal, as podman and containerd do. Usage: console_socket.py PATH

Prints "listening", takes the descriptor, and prints what comes out of the terminal until its other end closes.
"""
import os, socket, sys

with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
    listener.bind(sys.argv[1])
    listener.listen(1)
    print("listening", flush=True)
    listener.settimeout(30)
    connection, _ = listener.accept()
    _, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
master = descriptors[0]
print("a terminal" if os.isatty(master) else "no terminal", flush=True)
while True:
    try:
        data = os.read(master, 4096)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
