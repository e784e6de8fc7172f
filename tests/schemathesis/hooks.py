"""What a run must leave alone: the account that it runs as, and the tenant that it works in. Knows nothing
of single routes, so that new ones are under the same rule."""

import os

import requests
import schemathesis
from schemathesis.specs.openapi import _auth_retry

URL = os.environ["TENANTRY_URL"]
CREDENTIALS = (os.environ["TENANTRY_USER"], os.environ["TENANTRY_PASSWORD"])
READS = {"GET", "HEAD", "OPTIONS", "TRACE"}
NOBODY = "nobody-at-all"


def kept():
    """The names by which paths and bodies can mean the run's own account or tenant."""
    answer = requests.get(f"{URL}/api/v1/me", auth=CREDENTIALS, timeout=30)
    answer.raise_for_status()
    me = answer.json()
    return {me["id"], me["profile"]["username"], os.environ["TENANTRY_TENANT"]}


KEPT = kept()

# A wrong password costs its address one of few attempts, and a run makes one for each operation. This is
# refused as well, and costs none.
_auth_retry.INVALID_AUTH_HEADERS["_basic_auth"] = f"Basic {_auth_retry.INVALID_CREDENTIAL}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Writes that would delete, demote or lock out the account, or delete the tenant, hit nobody. A path
    below the tenant writes into it, which is what it is for."""
    if case.method.upper() in READS:
        return
    parameters = case.path_parameters or {}
    for name, value in parameters.items():
        if value in KEPT and name != "tenant":
            parameters[name] = NOBODY
    # What deletes by leaving out deletes what the run works in.
    if isinstance(case.body, dict) and case.body.get("pruneTenants") is True:
        case.body["pruneTenants"] = False
    # Lists of ids, as bulk deletions take them.
    if isinstance(case.body, list):
        case.body = [NOBODY if isinstance(value, str) and value in KEPT else value for value in case.body]
