#!/usr/bin/env python3
"""Stands in for pona's agent on its socket, and prints each request.

usage: cni_agent.py SOCKET yes | hang | ANSWER      ANSWER: the JSON that it always gives
It says "ready" first. With "hang" it takes connections and requests and never answers.
"""
import os
import socket
import sys

path, mode = sys.argv[1:]
answer = '{"version":1}' if mode == "yes" else mode
if os.path.exists(path):
    os.unlink(path)
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(path)
server.listen()
print("ready", flush=True)
kept = []
while True:
    connection, _ = server.accept()
    request = connection.makefile("r", encoding="utf-8").readline()
    print(request, end="", flush=True)
    if mode == "hang":
        kept.append(connection)
        continue
    try:
        connection.sendall(answer.encode() + b"\n")
    except BrokenPipeError:
        pass
    connection.close()
