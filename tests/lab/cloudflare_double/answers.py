"""What the API answers: its envelope, and a refusal as an exception."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Optional


class Refused(Exception):
    """An answer that is no success: HTTP status, code, words; ``chain``: the (code, words) behind a general one."""

    def __init__(self, status: int, code: int, message: str, chain: Sequence[tuple[int, str]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.chain = chain

    def body(self) -> bytes:
        """The envelope of a failure."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.chain:
            error["error_chain"] = [{"code": code, "message": words} for code, words in self.chain]
        return json.dumps({"result": None, "success": False, "errors": [error], "messages": []}).encode()


def invalid(code: int, words: str) -> Refused:
    """A record that breaks a rule: the reason stands behind the general words (cloudflare/terraform-provider-cloudflare#3217)."""
    return Refused(400, 1004, "DNS Validation Error", [(code, words)])


def success(result: Any, page: Optional[dict[str, int]] = None) -> bytes:
    """The envelope of a success."""
    return wrapped(json.dumps(result), page)


def wrapped(result: str, page: Optional[dict[str, int]] = None) -> bytes:
    """The same around JSON that is made already: a page of 5,000 records is most of the double's work."""
    tail = f', "result_info": {json.dumps(page)}' if page else ""
    return f'{{"result": {result}, "success": true, "errors": [], "messages": []{tail}}}'.encode()


def page_of(total: int, query: dict[str, str], usual: int, most: int) -> tuple[slice, dict[str, int]]:
    """Which part of a list was asked for, and the ``result_info`` that goes with it.

    What happens beyond the largest page is not documented: here it counts as the largest.
    """
    try:
        page, size = int(float(query.get("page", "1"))), int(float(query.get("per_page", str(usual))))
    except ValueError:
        raise Refused(400, 9207, "Request body is invalid.") from None
    page, size = max(page, 1), min(max(size, 1), most)
    begin = (page - 1) * size
    count = max(0, min(size, total - begin))
    found = {"page": page, "per_page": size, "count": count, "total_count": total, "total_pages": -(-total // size)}
    return slice(begin, begin + size), found
