"""``/composite``, ``/composite/graph`` and ``/composite/batch``: several requests in one call.

Source: REST API guide, "Composite Resources", v60.0: 25 subrequests of which 5 may be Collections or queries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from crocevia_salesforce.simulator.api import router
from crocevia_salesforce.simulator.api.sobjects import saving
from crocevia_salesforce.simulator.dispatch import subrequest
from crocevia_salesforce.simulator.errors import refuse
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.org import Org

MAX_SUBREQUESTS = 25
MAX_HEAVY = 5
MAX_GRAPHS = 75
MAX_NODES = 500
_REFERENCE = re.compile(r"@\{([^}]*)\}")
_REFERENCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*\Z")
_STEP = re.compile(r"([A-Za-z_0-9]+)((?:\[\d+\])*)\Z")
_HEAVY = re.compile(r"/(?:composite/sobjects|query|queryAll)(?:[/?]|\Z)")
_REFERENCE_RULE = (
    "must start with a letter or a number, and it can contain only letters, numbers and underscores ('_')."
)
_ROLLED_BACK = "The transaction was rolled back since another operation in the same transaction failed."


class _HaltedError(Exception):
    """A subrequest that cannot run: its references lead nowhere, or to one that failed."""


class _RollBackError(Exception):
    """One subrequest of an all-or-none failed."""


def _result(reference: str, answer: Answer) -> dict[str, Any]:
    return {
        "body": answer.body,
        "httpHeaders": dict(answer.headers),
        "httpStatusCode": answer.status,
        "referenceId": reference,
    }


def _halted(reference: str, message: str) -> dict[str, Any]:
    return _result(reference, Answer(400, [{"errorCode": "PROCESSING_HALTED", "message": message}]))


def _look_up(expression: str, done: Mapping[str, dict[str, Any]]) -> Any:
    """Return what a reference stands for.

    Raises:
        _HaltedError: It stands for nothing, or its subrequest failed.
    """
    name, _, path = expression.partition(".")
    result = done.get(name)
    if result is not None and result["httpStatusCode"] >= 400:  # HTTP errors
        raise _HaltedError(f"Execution halted as previous operation ({name}) was not successful.")
    value = result["body"] if result else None
    for step in path.split("."):
        match = _STEP.match(step)
        value = _field(value, match.group(1)) if match else None
        for index in re.findall(r"\d+", match.group(2)) if match else ():
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
    if value is None or isinstance(value, (dict, list)):
        nothing = f"Invalid reference specified. No value for {expression} found in {name}."
        message = f"{nothing} Provided referenceId ('{expression}') {_REFERENCE_RULE}"
        raise _HaltedError(message)
    return value


def _field(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        return None
    return value.get(name, next((found for key, found in value.items() if key.lower() == name.lower()), None))


def _fill(value: Any, done: Mapping[str, dict[str, Any]]) -> Any:
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return _look_up(whole.group(1), done)
        return _REFERENCE.sub(lambda match: str(_look_up(match.group(1), done)), value)
    if isinstance(value, list):
        return [_fill(item, done) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, done) for key, item in value.items()}
    return value


def _check(requests: object, limit: int, *, heavy: bool) -> list[dict[str, Any]]:
    if not isinstance(requests, list) or not requests or not all(isinstance(item, dict) for item in requests):
        raise refuse(400, "JSON_PARSER_ERROR", "compositeRequest must be a list of subrequests at [line:1, column:2]")
    if len(requests) > limit:
        raise refuse(
            400, "BAD_REQUEST", f"The request exceeds the limit of {limit} subrequests; it has {len(requests)}."
        )
    seen: set[str] = set()
    for item in requests:
        reference = item.get("referenceId")
        if not isinstance(reference, str) or not _REFERENCE_ID.match(reference):
            raise refuse(400, "INVALID_INPUT", f"Provided referenceId ('{reference}') {_REFERENCE_RULE}")
        if reference in seen:
            raise refuse(400, "INVALID_INPUT", f"Duplicate referenceId: {reference}")
        seen.add(reference)
        told = isinstance(item.get("url"), str) and isinstance(item.get("method"), str)
        if not told or not isinstance(item.get("httpHeaders") or {}, dict):
            raise refuse(
                400, "JSON_PARSER_ERROR", "A subrequest needs method, url and referenceId at [line:1, column:2]"
            )
    many = sum(bool(_HEAVY.search(item["url"])) for item in requests)
    if heavy and many > MAX_HEAVY:
        kinds = "query, queryAll and sObject Collections subrequests"
        message = f"The request exceeds the limit of {MAX_HEAVY} {kinds}; it has {many}."
        raise refuse(400, "BAD_REQUEST", message)
    return requests


def _run(org: Org, call: Call, item: Mapping[str, Any], done: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    reference = str(item["referenceId"])
    try:
        url, body = _fill(item["url"], done), _fill(item.get("body"), done)
    except _HaltedError as error:
        return _halted(reference, str(error))
    headers = {str(name).lower(): str(value) for name, value in (item.get("httpHeaders") or {}).items()}
    return _result(reference, subrequest(org, call, item["method"].upper(), url, body, headers))


def _run_all(
    org: Org, call: Call, requests: Sequence[Mapping[str, Any]], *, all_or_none: bool
) -> tuple[list[dict[str, Any]], bool]:
    done: dict[str, dict[str, Any]] = {}
    if not all_or_none:
        for item in requests:
            done[item["referenceId"]] = _run(org, call, item, done)
        return list(done.values()), all(result["httpStatusCode"] < 400 for result in done.values())
    failed = None
    try:
        with saving(org, call):
            for item in requests:
                result = done[item["referenceId"]] = _run(org, call, item, done)
                if result["httpStatusCode"] >= 400 or _has_failed_rows(result):  # HTTP errors
                    failed = item["referenceId"]
                    raise _RollBackError  # noqa: TRY301  # it has to leave the frame of the saves, to undo them
    except _RollBackError:
        results = [
            done[item["referenceId"]] if item["referenceId"] == failed else _halted(item["referenceId"], _ROLLED_BACK)
            for item in requests
        ]
        return results, False
    return list(done.values()), True


def _has_failed_rows(result: Mapping[str, Any]) -> bool:
    body = result["body"]
    return isinstance(body, list) and any(isinstance(row, dict) and row.get("success") is False for row in body)


def _reads_only(requests: Sequence[Mapping[str, Any]]) -> bool:
    return all(str(item.get("method")).upper() == "GET" for item in requests)


@router.add("POST", "composite", write=True)
def composite(org: Org, call: Call) -> Answer:
    """Run subrequests in order; later ones may refer to earlier ones."""
    body = call.object()
    requests = _check(body.get("compositeRequest"), MAX_SUBREQUESTS, heavy=True)
    results, _ = _run_all(org, call, requests, all_or_none=body.get("allOrNone") is True)
    return Answer(body={"compositeResponse": results}, subrequests=len(requests), read_only=_reads_only(requests))


@router.add("POST", "composite/graph", write=True)
def graph(org: Org, call: Call) -> Answer:
    """Run graphs of subrequests, each all or none."""
    graphs = call.object().get("graphs")
    if not isinstance(graphs, list) or len(graphs) > MAX_GRAPHS or not all(isinstance(item, dict) for item in graphs):
        raise refuse(400, "INVALID_INPUT", f"graphs must be a list of at most {MAX_GRAPHS}")
    checked = [
        (str(item.get("graphId")), _check(item.get("compositeRequest"), MAX_NODES, heavy=False)) for item in graphs
    ]
    nodes = sum(len(requests) for _, requests in checked)
    if nodes > MAX_NODES:
        raise refuse(400, "INVALID_INPUT", f"The request has {nodes} nodes; at most {MAX_NODES} are allowed")
    found = []
    for graph_id, requests in checked:
        results, good = _run_all(org, call, requests, all_or_none=True)
        found.append({"graphId": graph_id, "graphResponse": {"compositeResponse": results}, "isSuccessful": good})
    return Answer(body={"graphs": found}, subrequests=nodes)


@router.add("POST", "composite/batch", write=True)
def batch(org: Org, call: Call) -> Answer:
    """Run independent subrequests; each counts against the API limit."""
    body = call.object()
    requests = body.get("batchRequests")
    if not isinstance(requests, list) or not 0 < len(requests) <= MAX_SUBREQUESTS:
        raise refuse(400, "BAD_REQUEST", f"batchRequests must be a list of 1 to {MAX_SUBREQUESTS} subrequests")
    if not all(isinstance(item, dict) for item in requests):
        raise refuse(400, "JSON_PARSER_ERROR", "batchRequests must be a list of subrequests at [line:1, column:2]")
    halt = body.get("haltOnError") is True
    results: list[dict[str, Any]] = []
    for item in requests:
        if halt and any(result["statusCode"] >= 400 for result in results):  # HTTP errors
            message = "Batch processing has halted because a previous subrequest failed"
            results.append(
                {"statusCode": 412, "result": [{"errorCode": "BATCH_PROCESSING_HALTED", "message": message}]}
            )
            continue
        url = str(item.get("url"))
        url = url if url.startswith("/") else f"/services/data/{url}"
        answer = subrequest(org, call, str(item.get("method")).upper(), url, item.get("richInput"), {})
        org.usage.count()
        results.append({"statusCode": answer.status, "result": answer.body})
    failed = any(result["statusCode"] >= 400 for result in results)  # HTTP errors
    told = {"hasErrors": failed, "results": results}
    return Answer(body=told, subrequests=len(requests), read_only=_reads_only(requests))
