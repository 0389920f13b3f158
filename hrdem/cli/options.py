"""The options of the command line: those of the table of fields, and those of commands alone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from hrdem.cli import messages
from hrdem.cli.documents import Report
from hrdem.cli.progress import ProgressForm
from hrdem.errors import HrdemError
from hrdem.request import fields, product_fields
from hrdem.request.convert import keep, parse_folder, parse_integer, parse_output, parse_point
from hrdem.request.field import Field, Group

F = TypeVar("F", bound=Callable[..., Any])

DEMO = Field(
    "demo",
    "Use a local demonstration service over synthetic terrain instead of the network.",
    Group.SERVICE,
    default=False,
)
DRY_RUN = Field(
    "dry_run",
    "Print what would be read, as hrdem plan does, and write nothing.",
    Group.OUTPUT,
    default=False,
)
DOWNLOAD = Field(
    "download", "Save the listed VRTs into the current folder.", Group.OUTPUT, default=False
)
ASSETS_FOLDER = Field(
    "output",
    "Save the listed VRTs, coverages and extents into this folder.",
    Group.OUTPUT,
    "FOLDER",
    parse=parse_folder,
    flags=("-o",),
)
PORT = Field(
    "port",
    "Port on 127.0.0.1, up to 65535; 0 takes a free one.",
    Group.SERVICE,
    "PORT",
    18790,
    parse=parse_integer,
)
EDITION = Field(
    "edition",
    "Edition of the files, 1 to 99; another has other heights, as if they were republished.",
    Group.SERVICE,
    "NUMBER",
    1,
    parse=parse_integer,
)
SAMPLE_POINT = Field(
    "point", "One point, in place of a file.", Group.AREA, "LON,LAT", parse=parse_point
)
TILE_DRY_RUN = replace(
    DRY_RUN, help="Print the tiles and what they take: bytes, requests, hours; write nothing."
)
PLAN_ONLY = Field(
    "plan_only",
    "Plan, and save the job in the output, but make no tile: for arrays of batch systems.",
    Group.OUTPUT,
    default=False,
)
PROGRESS = Field(
    "progress",
    "Progress on standard error: a bar, or a line a minute if that is no terminal; or lines of "
    "JSON.",
    Group.REPORTING,
    default="bar",
    choices=ProgressForm,
)
JSON = Field("json", "Print one JSON document.", Group.REPORTING, default=False)
VERBOSE = Field(
    "verbose",
    "Log more; -vv logs every HTTP request too.",
    Group.REPORTING,
    default=0,
    default_text="warnings and errors",
    flags=("-v",),
)
QUIET = Field("quiet", "Log errors only.", Group.REPORTING, default=False, flags=("-q",))
LOG_FILE = Field(
    "log_file",
    "File to which messages are appended, with the time: also those of -v, and with -vv every HTTP "
    "request.",
    Group.REPORTING,
    "FILE",
    parse=parse_output,
)

#: what to do instead of giving an option again, by its name, or by the form of its value
INSTEAD_OF_REPEATING = {
    "BLOCKS": "Give several blocks with commas between: --nts 104P,92B.",
    **dict.fromkeys(("SHEETS", "SHEETS|FILE"), messages.SEVERAL_SHEETS),
    "LON,LAT|FILE": "Give several points as a CSV file with the columns lon and lat.",
    "aoi": "Put the shapes into one file: its features are united, or hrdem tile --aoi FILE "
    "--name-by FIELD writes a file for each.",
    "bbox": "Run the command for each area; or give a MULTIPOLYGON as --aoi.",
    "fill": "Give several collections with commas between: --fill 2m,30m.",
    "product": "Give several products with commas between: --product dtm,dtm-slope.",
    "products": "Give several products with commas between: --products aspect,slope-deg.",
    "projection": "Give both projections with a comma between, or neither.",
    "like": "Run the command for each raster.",
    "nts": messages.TILE_SHEETS,
    "point": "hrdem tile --point FILE --radius METRES writes a file for each point of a CSV file.",
}

_EXTRACT: dict[str, dict[str, Any]] = {
    "product": {
        "help": f"{product_fields.PRODUCT_NAME.help} Several with commas between: a file each."
    },
    "output": {
        "help": "GeoTIFF to write, *.tif or *.tiff; for several products a folder, or a name with "
        "{product}; not needed with --dry-run.",
        "required": False,
        "parse": keep,
    },
}
EXTRACT = tuple(replace(field, **_EXTRACT.get(field.name, {})) for field in fields.EXTRACT)


class Option(click.Option):
    """The option of a field."""

    def __init__(self, field: Field, **settings: Any) -> None:
        short = [flag for flag in field.flags if not flag.startswith("--")]
        off = [flag for flag in field.flags if flag.startswith("--")]
        super().__init__(
            [field.name, *short, "/".join([field.option, *off])],
            # False would let a required option go without its value, if that starts with a minus
            is_flag=True if field.is_flag and "count" not in settings else None,
            required=field.required,
            metavar=field.form or None,
            envvar=field.variable,
            help=messages.name_options(f"{field.help}{describe_default(field)}"),
            **({} if field.required else {"default": field.default}),  # None would be a default
            **settings,
        )
        self.field = field

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        if self.is_flag or self.count or not isinstance(value, str):
            return super().type_cast_value(ctx, value)
        try:
            return self.field.parse(value)
        except ValueError as exc:
            raise click.BadParameter(messages.name_options(str(exc)), ctx, self) from exc

    def get_error_hint(self, ctx: click.Context | None) -> str:
        hint = super().get_error_hint(ctx)
        source = ctx and self.name and ctx.get_parameter_source(self.name)
        return f"{hint} from {self.envvar}" if source is ParameterSource.ENVIRONMENT else hint


class Command(click.Command):
    """A command whose options are listed by group, given once, and named in its errors."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            _, _, given = self.make_parser(ctx).parse_args(list(args))
            for number, param in enumerate(given):
                if param in given[:number] and not _is_repeatable(param):
                    raise click.UsageError(_describe_repetition(param), ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HrdemError as exc:
            exc.reword(wording_of(ctx).apply(str(exc)))
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group in Group:
            rows = [
                record
                for param in self.get_params(ctx)
                if group_of(param) is group and (record := param.get_help_record(ctx))
            ]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)


def wording_of(ctx: click.Context) -> messages.Wording:
    """Return how the command of a context words messages."""
    names = [param.name for param in ctx.command.params if param.name]
    source = ParameterSource.ENVIRONMENT
    variables = [name for name in names if ctx.get_parameter_source(name) is source]
    arguments = [p.name for p in ctx.command.params if isinstance(p, click.Argument) and p.name]
    return messages.Wording(frozenset(names), frozenset(variables), frozenset(arguments))


def _is_repeatable(param: click.Parameter) -> bool:
    """Whether an option may be given again, because it counts, or can only be switched on."""
    if not isinstance(param, click.Option):
        return True
    return param.count or (param.is_flag and not param.secondary_opts)


def _describe_repetition(param: click.Parameter) -> str:
    names = "/".join([param.opts[-1], *param.secondary_opts])
    by_name = INSTEAD_OF_REPEATING.get(param.name or "", "Give it once.")
    instead = INSTEAD_OF_REPEATING.get(param.metavar or "", by_name)
    return f"{names} was given more than once. {instead}"


def group_of(param: click.Parameter) -> Group | None:
    """Return the group of an option; None for an argument."""
    if isinstance(param, Option):
        return param.field.group
    return Group.REPORTING if isinstance(param, click.Option) else None


def describe_default(field: Field) -> str:
    """Return how the help ends for a default; empty if there is nothing to say."""
    return f"  [default: {field.displayed_default}]" if field.displayed_default else ""


def add(*table: Field) -> Callable[[F], F]:
    """Add the options of fields to a command, and how it reports: --json, -v, -q, --log-file.

    The command does not receive the latter three, nor --progress, which is for what shows it.
    """

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def reported(
            *args: Any, verbose: int, quiet: bool, log_file: Path | None, **kwargs: Any
        ) -> Any:
            context = click.get_current_context()
            report = context.ensure_object(Report)
            wording = wording_of(context)
            messages.set_up_logging(verbose, wording, report.warnings, quiet=quiet)
            if log_file is not None:
                report.log_file = messages.open_log_file(log_file, verbose, wording)
            context.meta["quiet"] = quiet
            context.meta["verbose"] = verbose
            context.meta[PROGRESS.name] = kwargs.pop(PROGRESS.name, PROGRESS.default)
            return command(*args, **kwargs)

        options = [Option(field) for field in (*table, JSON)]
        options += [Option(VERBOSE, count=True), Option(QUIET), Option(LOG_FILE)]
        reported.__click_params__ = [  # type: ignore[attr-defined]
            *options[::-1],
            *getattr(command, "__click_params__", []),
        ]
        return reported  # type: ignore[return-value]

    return decorate
