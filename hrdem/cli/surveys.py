"""``hrdem surveys``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.request import survey_fields

if TYPE_CHECKING:
    from hrdem.jobs.list_surveys import SurveyList


@click.command("surveys", cls=options.Command)
@options.add(*survey_fields.SURVEYS, options.DEMO)
def command(*, demo: bool, json: bool, **params: Any) -> None:
    """List the lidar surveys under an area: name, year, share of the area, pixel size, item.

    With -o their outlines within the area are written as a layer. Where surveys overlap, the mosaic
    has the newest, and the shares add up to more than 100 %.

    \b
      hrdem surveys --bbox -75.72,45.40,-75.66,45.44
      hrdem surveys --nts 031G05 -o surveys.gpkg
    """
    import hrdem

    with service.resolve_demo(params, demo=demo) as resolved:
        found = hrdem.surveys(**resolved)
    if json:
        show.document(found.as_dict())
        return
    show.table(_rows(found))
    show.lines(*(("unknown", f"{each.item}: {each.reason}") for each in found.surveys.unknown))
    if found.output is not None:
        show.lines(("output", str(found.output)))


def _rows(found: SurveyList) -> list[tuple[str, ...]]:
    return [
        (
            survey.project.name or "without a name",
            str(survey.project.year or "unknown"),
            f"{100 * survey.project.share:.3g} %",
            f"{found.collection.resolution} m",
            survey.item,
        )
        for survey in found.surveys.found
    ]
