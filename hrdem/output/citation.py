"""How to cite an output: publisher, collections, items with their dates, when it was made."""

from __future__ import annotations

import datetime

from hrdem._version import __version__
from hrdem.planning.plan import Plan
from hrdem.request.endpoints import LIVE_STAC_URL
from hrdem.runtime.redaction import redact_secrets

PUBLISHER = "Natural Resources Canada"
MAX_CITED_ITEMS = 20


def make_citation(plan: Plan, made: datetime.date, licence: str) -> str:
    """Return a reference for publications that use an output.

    Items have the date at which the catalogue published them: files are republished in place, so
    that a collection alone does not say which heights were used.

    Args:
        plan: The plan that was executed.
        made: Day on which it was executed.
        licence: Attribution that the licence of the data asks for.
    """
    request = plan.request
    publisher = f"{PUBLISHER}. " if request.stac_url == LIVE_STAC_URL else ""
    titles = "; ".join(dict.fromkeys(tier.collection.title for tier in plan.tiers))
    dates = {
        item.id: f"{item.id} ({item.updated[:10] or 'no date'})"
        for source in plan.sources
        for item in source.items
    }
    cited = [*dates.values()][:MAX_CITED_ITEMS]
    identifiers = "".join(f"{each}. " for each in list_identifiers(plan)[:MAX_CITED_ITEMS])
    more = f" and {len(dates) - len(cited)} more" if len(dates) > len(cited) else ""
    return (
        f"{publisher}{titles}: {request.product.title}. Items {', '.join(cited)}{more}. "
        f"{identifiers}"
        f"{redact_secrets(request.stac_url)}. Extracted on {made} with hrdem {__version__}. "
        f"{licence}"
    )


def list_identifiers(plan: Plan) -> list[str]:
    """Return the persistent addresses of the items of a plan, each once."""
    items = (item for source in plan.sources for item in source.items)
    return [*dict.fromkeys(item.cite_as for item in items if item.cite_as)]
