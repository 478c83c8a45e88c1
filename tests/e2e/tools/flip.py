#!/usr/bin/env python3
"""Replaces a file by two others in turn, as an editor does: written beside and renamed.

  flip.py ONE OTHER TARGET COUNT SECONDS      prints how many times, in how many seconds
"""
import os
import sys
import time

contents = [open(path, "rb").read() for path in sys.argv[1:3]]
target = sys.argv[3]
count, limit = int(sys.argv[4]), float(sys.argv[5])
beside = os.path.join(os.path.dirname(target), ".flip.new")
# Room for a slow machine to catch up within the limit.
pause = limit / count * 0.6
begun = time.monotonic()
done = 0
while done < count and time.monotonic() - begun < limit:
    with open(beside, "wb") as file:
        file.write(contents[done % 2])
    os.rename(beside, target)
    done += 1
    ahead = begun + done * pause - time.monotonic()
    if ahead > 0:
        time.sleep(ahead)
print(done, round(time.monotonic() - begun, 1))
