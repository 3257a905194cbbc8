"""A client as an application has it: inserts numbers with w:majority and retryable writes, one after the other.

Called as ``mongo_writer.py URI LEDGER COLLECTION``. Each line of the ledger is ``began ended number`` of an acknowledged insert, in
seconds since the epoch, or ``began ended -number words`` of one that failed. It ends when its standard input does.
"""

from __future__ import annotations

import sys
import threading
import time

import pymongo
from pymongo.errors import PyMongoError

PAUSE = 0.005


def main() -> None:
    uri, ledger, name = sys.argv[1:4]
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    with open(ledger, "a", buffering=1, encoding="utf-8") as sink, pymongo.MongoClient(uri, serverSelectionTimeoutMS=30000) as client:
        written = client.get_database("load").get_collection(name)
        number = 0
        while not ended.is_set():
            number += 1
            began = time.time()
            try:
                written.insert_one({"_id": number})
                sink.write(f"{began:.6f} {time.time():.6f} {number}\n")
            except PyMongoError as error:
                sink.write(f"{began:.6f} {time.time():.6f} -{number} {type(error).__name__} {str(error)[:200]!r}\n")
            time.sleep(PAUSE)


if __name__ == "__main__":
    main()
