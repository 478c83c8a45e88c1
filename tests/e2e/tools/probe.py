#!/usr/bin/env python3
"""Asks a server by new connections and by one that stays, until a file appears; says how often each failed.

usage: probe.py ADDRESS PORT FILE
"""
import pathlib
import socket
import sys
import time

ADDRESS, PORT, END = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])


def ask(connection):
    connection.settimeout(2)
    connection.sendall(b"who\n")
    return connection.recv(100).startswith(b"pod1 ")


asked = failed = lost = 0
held = socket.create_connection((ADDRESS, PORT), 2)
while not END.exists():
    asked += 1
    try:
        with socket.create_connection((ADDRESS, PORT), 2) as connection:
            failed += not ask(connection)
    except OSError:
        failed += 1
    try:
        lost += not ask(held)
    except OSError:
        lost += 1
    time.sleep(0.2)
print(f"asked {'often' if asked > 100 else asked}, failed {failed}, lost {lost}")
