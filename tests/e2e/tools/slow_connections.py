"""Many connections that ask slowly: slow_connections.py ADDRESS PORT NUMBER STOP-FILE

Each begins a request and never ends it; one that is closed is opened again, until the file is there.
Prints "open" when all of them were opened once."""
import os, resource, socket, sys, time

address, port, number, stop = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(number + 100, hard), hard))


def open_one():
    try:
        connection = socket.create_connection((address, port), timeout=0.3)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        return connection
    except OSError:
        return None


connections = [open_one() for _ in range(number)]
print("open", flush=True)
while not os.path.exists(stop):
    for at, connection in enumerate(connections):
        try:
            connection.sendall(b"X: y\r\n")
        except (OSError, AttributeError):
            connections[at] = open_one()
        if os.path.exists(stop):
            break
