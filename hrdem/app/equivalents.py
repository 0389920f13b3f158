"""The command line and the Python call that do what the page requests.

Both are written from the same parameters, and so are the arguments that a job runs with.
"""

from __future__ import annotations

import inspect
import json
import shlex
from collections.abc import Mapping
from textwrap import indent
from typing import Any

import hrdem
from hrdem.app.settings import Services
from hrdem.errors import RequestError

OUTPUT = "{product}.tif"  # of several products; one has its own name
_AREAS = ({"bbox"}, {"nts"}, {"point", "radius"}, {"upload"})
_SETTINGS = (
    *("products", "collection", "fill", "crs", "resolution", "resampling", "format"),
    *("vertical_datum", "crop", "source_band"),
)


def to_parameters(
    request: Mapping[str, Any], area_file: str | None, output: str | None = None
) -> dict[str, Any]:
    """Return the keywords of `hrdem.extract`, or of `hrdem.extract_products` for several products.

    What is None, empty or the default is left out.

    Args:
        request: Area, products and settings, as the page sends them.
        area_file: Path of the file of an uploaded or drawn area; None for other areas.
        output: GeoTIFF, or a name with ``{product}`` for several products; None for names of the
            products in the current folder.

    Raises:
        RequestError: If the request has other keys, no product, or an area without its file.
    """
    if unknown := request.keys() - {"area", *_SETTINGS}:
        raise RequestError(f"There is no setting {min(unknown)!r}. Leave it out.")
    area = request.get("area")
    if not isinstance(area, Mapping) or set(area) not in _AREAS:
        raise RequestError("No area was chosen. Draw one, or choose a file or a sheet.")
    products = request.get("products")
    if not isinstance(products, list) or not products or not all(map(_is_name, products)):
        raise RequestError("No product was chosen. Choose one or several.")
    parameters = dict(area)
    if "upload" in area:
        if area_file is None:
            raise RequestError("The file of the area is not there any more. Choose it again.")
        parameters = {"aoi": area_file}
    several = len(products) > 1
    parameters["product"] = products if several else products[0]
    defaults = inspect.signature(hrdem.extract).parameters
    for name in _SETTINGS[1:]:
        value = request.get(name)
        if value not in (None, [], defaults[name].default):
            parameters[name] = value
    default = OUTPUT if several else OUTPUT.format(product=products[0])
    return parameters | {"output": output or default}


def to_arguments(
    request: Mapping[str, Any], area_file: str | None, output: str | None = None
) -> list[str]:
    """Return the arguments of ``hrdem extract`` that do what the page requests.

    Args:
        request: As for `to_parameters`.
        area_file: As for `to_parameters`.
        output: As for `to_parameters`.

    Raises:
        RequestError: As for `to_parameters`.
    """
    arguments = []
    for name, value in to_parameters(request, area_file, output).items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            arguments.append(option if value else option.replace("--", "--no-", 1))
        else:
            arguments += [option, _format_value(value)]
    return arguments


def to_command_line(
    request: Mapping[str, Any],
    area_file: str | None,
    output: str | None = None,
    services: Services | None = None,
) -> str:
    """Return the command line that does what the page requests, quoted for POSIX shells.

    Args:
        request: As for `to_parameters`.
        area_file: As for `to_parameters`.
        output: As for `to_parameters`.
        services: Services that it reads; None for the usual ones.

    Raises:
        RequestError: As for `to_parameters`.
    """
    command = ["hrdem", "extract"]
    if services is not None and services.is_demo:
        command.append("--demo")
    elif services is not None:
        command += [
            f"--{name.replace('_', '-')}={address}"
            for name, address in services.own_addresses.items()
        ]
    return shlex.join([*command, *to_arguments(request, area_file, output)])


def to_python(
    request: Mapping[str, Any],
    area_file: str | None,
    output: str | None = None,
    services: Services | None = None,
) -> str:
    """Return the Python program that does what the page requests.

    Args:
        request: As for `to_parameters`.
        area_file: As for `to_parameters`.
        output: As for `to_parameters`.
        services: As for `to_command_line`.

    Raises:
        RequestError: As for `to_parameters`.
    """
    parameters = to_parameters(request, area_file, output)
    several = isinstance(parameters["product"], list)
    function = "extract_products" if several else "extract"
    values = {name: repr(value) for name, value in parameters.items()}
    if services is None or not services.is_demo:
        addresses = services.own_addresses if services is not None else {}
        values |= {name: repr(address) for name, address in addresses.items()}
        return f"import hrdem\n\n{_format_call(function, values)}"
    imports, contexts = ["from hrdem.demo import running"], ["running() as demo"]
    values |= {"stac_url": "demo.stac", "no_cache": "True"}
    if "vertical_datum" in parameters:  # the demonstration has shifts of its own
        imports.append("from hrdem.demo.shifts import shift_grid")
        contexts.append("shift_grid() as grid")
        values["vertical_grid"] = "grid"
    call = indent(_format_call(function, values), "    ")
    return "\n".join(["import hrdem", *imports, "", f"with {', '.join(contexts)}:", call])


def to_texts(request: Mapping[str, Any], area_file: str, services: Services) -> dict[str, str]:
    """Return the command line and the Python program as the page gets them.

    Args:
        request: As for `to_parameters`.
        area_file: Name of the file of an uploaded or drawn area.
        services: Services that they read.
    """
    return {
        "command_line": to_command_line(request, area_file, services=services),
        "python": to_python(request, area_file, services=services),
    }


def _format_call(function: str, values: Mapping[str, str]) -> str:
    lines = [f"    {name}={value},\n" for name, value in values.items()]
    return f"hrdem.{function}(\n{''.join(lines)})\n"


def _format_value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_format_value, value))
    return value if isinstance(value, str) else json.dumps(value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)
