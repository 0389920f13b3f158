"""Catalogues, redirects and VRTs that want this machine to ask what they cannot reach themselves.

All servers are this machine's own. Which of its addresses passes for a public one, and where names
lead, the tests say.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import rasterio
from affine import Affine

import hrdem
from hrdem.catalog.search import list_items
from hrdem.demo import Addresses
from hrdem.http import allowed_hosts
from hrdem.http.allowed_hosts import HostPolicy, Scope
from hrdem.http.client import HttpClient
from hrdem.http.retry import Retries
from hrdem.http.source_version import SourceVersion
from hrdem.http.timeouts import Timeouts
from hrdem.jobs.save_vrt import save_vrt
from hrdem.request.products import get_collection
from tests.misbehaving import Misbehaving, Reply, ServerRequest, forward, misbehaving, range_reply

PUBLIC, PRIVATE, OTHER = "127.0.0.1", "127.0.0.2", "127.0.0.3"
SCOPES = {PUBLIC: Scope.PUBLIC, PRIVATE: Scope.PRIVATE, OTHER: Scope.LINK}
AREA = (1_499_400, -170_600, 1_500_600, -170_000)  # 8_2 and 9_2
WAITS = Timeouts(connect=2, read=2, total=5)


@pytest.fixture(autouse=True)
def scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 is public here, 127.0.0.2 in a private network, 127.0.0.3 on the local link."""
    monkeypatch.setattr(allowed_hosts, "scope_of", SCOPES.__getitem__)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Where names lead: each time that one is looked up, to the next place."""
    known: dict[str, list[str]] = {}
    look_up = socket.getaddrinfo

    def looked_up(host, port, *more, **options):
        leads = known.get(host)
        if leads:
            host = leads.pop(0) if len(leads) > 1 else leads[0]
        return look_up(host, port, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return known


@pytest.fixture
def client() -> Iterator[HttpClient]:
    """One that knows of no place but public ones."""
    retries = Retries(attempts=3)
    with HttpClient(timeouts=WAITS, retries=retries, sleep=lambda _: None) as client:
        yield client


@pytest.fixture
def inside() -> Iterator[Misbehaving]:
    """A service in a private network."""
    with misbehaving(lambda _: Reply(body=b"secret of the house"), host=PRIVATE) as server:
        yield server


def at(server: Misbehaving, name: str) -> str:
    return f"http://{name}:{server.server_port}"


def test_private_address_is_not_requested(client: HttpClient, inside: Misbehaving) -> None:
    with pytest.raises(
        hrdem.BlockedAddressError, match=r"in a private network \(127.0.0.2\).*Nothing was"
    ):
        client.request("GET", f"{inside.url}/admin")
    with pytest.raises(hrdem.BlockedAddressError, match="in a private network"):
        client.read_range(f"{inside.url}/a", 0, 9, SourceVersion("", '"1"', 9, "", ""))
    assert inside.requests == []


@pytest.mark.parametrize("name", ["harmless.example", "harmless.example.", "HARMLESS.example"])
def test_host_resolving_to_a_private_address_is_blocked(
    client: HttpClient, inside: Misbehaving, names: dict[str, list[str]], name: str
) -> None:
    """The check runs before any byte is sent."""
    for each in (name, name.lower()):
        names[each] = [PRIVATE]
    with pytest.raises(
        hrdem.BlockedAddressError, match=rf"{name.lower()}.* is in a private network"
    ):
        client.request("GET", at(inside, name))
    assert inside.requests == []


@pytest.mark.slow
@pytest.mark.long
def test_blocked_host_leaves_no_open_connection(
    client: HttpClient, inside: Misbehaving, names: dict[str, list[str]]
) -> None:
    names["harmless.example"] = [PRIVATE]
    for _ in range(40):  # more than there may be connections
        with pytest.raises(hrdem.BlockedAddressError):
            client.request("GET", at(inside, "harmless.example"))
    request = httpx.Request("GET", at(inside, "harmless.example"))
    (transport,) = [transport for _, transport in client._client._transport._idle]
    assert not transport.is_connected(request)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_a_private_address_is_blocked(
    client: HttpClient, inside: Misbehaving, status: int
) -> None:
    outside = Reply(status, headers={"Location": f"{inside.url}/admin"})
    with (
        misbehaving(lambda _: outside) as server,
        pytest.raises(
            hrdem.BlockedAddressError, match="redirects to another address: .*/admin is in a pri"
        ),
    ):
        client.request("GET", server.url, trusted=True)
    assert inside.requests == []


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://a.example/x", "gopher://a/"])
def test_redirect_to_another_scheme_is_blocked(client: HttpClient, where: str) -> None:
    with (
        misbehaving(lambda _: Reply(302, headers={"Location": where})) as server,
        pytest.raises(
            hrdem.BlockedAddressError, match="redirects to .* is not an http or https address"
        ),
    ):
        client.request("GET", server.url)


def test_trusted_url_opens_its_private_network(
    client: HttpClient, inside: Misbehaving, names: dict[str, list[str]]
) -> None:
    names["intranet.example"] = [PRIVATE]
    assert client.request("GET", at(inside, "intranet.example"), trusted=True).status == 200
    assert client.request("GET", inside.url).status == 200
    with misbehaving(lambda _: Reply(), host=OTHER) as elsewhere:
        with pytest.raises(hrdem.BlockedAddressError, match="on the local link"):
            client.request("GET", elsewhere.url)
        assert elsewhere.requests == []


@pytest.mark.parametrize("anew", [False, True], ids=["one client", "two of a session"])
def test_dns_rebinding_to_a_private_address_is_blocked(
    inside: Misbehaving, names: dict[str, list[str]], anew: bool
) -> None:
    """A catalogue's owner controls where its host name resolves."""
    hosts = HostPolicy()
    names["catalogue.example"] = [PUBLIC, PRIVATE]
    with (
        misbehaving(lambda _: Reply(headers={"Connection": "close"})) as server,
        HttpClient(hosts=hosts) as client,
        HttpClient(hosts=hosts, trusted=["http://catalogue.example"]) as later,
    ):
        client.request("GET", at(server, "catalogue.example"), trusted=True)
        with pytest.raises(hrdem.BlockedAddressError, match="was on the public internet before"):
            (later if anew else client).request(
                "GET", at(inside, "catalogue.example"), trusted=True
            )
        with pytest.raises(hrdem.BlockedAddressError):
            later.request("GET", inside.url)
    assert inside.requests == []


def test_private_host_stays_private(names: dict[str, list[str]]) -> None:
    """Otherwise its owner could open the private network with one failed connection."""
    names["catalogue.example"] = [PRIVATE, PUBLIC]
    with (
        socket.create_server((PRIVATE, 0)) as deaf,
        HttpClient(retries=Retries(attempts=1)) as client,
    ):
        port = deaf.getsockname()[1]
        with misbehaving(lambda _: Reply()) as server:

            def hang_up() -> None:
                deaf.accept()[0].close()

            threading.Thread(target=hang_up, daemon=True).start()
            with pytest.raises(hrdem.TransferError):
                client.request("GET", f"http://catalogue.example:{port}", trusted=True)
            with pytest.raises(hrdem.BlockedAddressError, match="was in a private network before"):
                client.request("GET", at(server, "catalogue.example"), trusted=True)
            assert server.requests == []


def test_next_link_headers_stay_on_their_host(client: HttpClient) -> None:
    with misbehaving(lambda _: Reply()) as other:
        there = Reply(302, headers={"Location": other.url})
        with misbehaving(lambda _: there) as server:
            secrets = {"Authorization": "Bearer hush", "X-Api-Key": "hush", "Range": "bytes=0-9"}
            client.request("GET", server.url, headers=secrets)
    assert other.requests[0].headers["range"] == "bytes=0-9"
    assert "hush" not in str(other.requests[0].headers)


def test_behind_a_proxy_the_url_itself_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses that a proxy connects to are unknown."""
    with misbehaving(lambda request: Reply(body=request.path.encode()), host=PRIVATE) as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with HttpClient(timeouts=WAITS) as client:
            assert (
                client.request("GET", "http://store.invalid/x").content == b"http://store.invalid/x"
            )
            for host in (PRIVATE, "127.0.0.3:80", "localhost", "2130706434"):
                with pytest.raises(hrdem.BlockedAddressError):
                    client.request("GET", f"http://{host}/")
            assert len(proxy.requests) == 1


@pytest.mark.parametrize("rest", ["", "?next=1"])
def test_next_link_to_a_private_address_is_blocked(
    client: HttpClient, inside: Misbehaving, rest: str
) -> None:
    link = {"rel": "next", "href": f"{inside.url}/{rest}"}
    reply = Reply.json({"features": [], "links": [link]})
    with (
        misbehaving(lambda _: reply) as server,
        pytest.raises(hrdem.CatalogError, match="next page, but .* in a private network"),
    ):
        list_items(get_collection("1m"), f"{server.url}/", client)
    assert inside.requests == []


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "DELETE"},
        {"method": 5},
        {"headers": {"Host": "intranet.example"}},
        {"headers": {"accept-encoding": "br"}},
        {"headers": {"x": "a\r\nEvil: 1"}},
        {"headers": {"x": "1", "": "2"}},
        {"headers": {"x": 1}},
        {"headers": ["x"]},
        {"href": "http://["},
        {"href": 5},
        {"method": "POST", "body": [1]},
    ],
    ids=str,
)
def test_next_link_cannot_set_client_options(client: HttpClient, changes: dict) -> None:
    link = {"rel": "next", "href": "/more", **changes}
    with misbehaving(lambda _: Reply.json({"features": [], "links": [link]})) as server:
        with pytest.raises(hrdem.CatalogError, match="next page"):
            list_items(get_collection("1m"), f"{server.url}/", client)
        assert len(server.requests) == 1


@pytest.mark.parametrize("engine", ["auto", "gdal"])
@pytest.mark.parametrize("via", ["auto", "vrt"])
@pytest.mark.parametrize("local", [False, True], ids=["inside", "a local file"])
def test_asset_at_a_private_address_is_blocked_and_named(
    demo: Addresses, client: HttpClient, inside: Misbehaving, tmp_path: Path,
    engine: str, via: str, local: bool,
) -> None:  # fmt: skip
    """By our reader and by GDAL; the WCS does not replace it."""
    target = "file:///etc/passwd" if local else f"{inside.url}/x.tif"
    ending = ".vrt" if via == "vrt" else ".tif"

    def script(request: ServerRequest) -> Reply:
        reply = forward(request, demo.url, server.url)
        for tile in ("8_2", "9_2"):
            href = f"{server.url}/canelevation-dem/hrdem-mosaic-1m/{tile}-mosaic-1m-dtm{ending}"
            reply.body = reply.body.replace(href.encode(), target.encode())
        return reply

    with (
        misbehaving(script) as server,
        pytest.raises(
            hrdem.BlockedAddressError, match=r"lists dtm(-vrt)? of item [89]_2-mosaic-1m, but"
        ),
    ):
        hrdem.extract(
            bbox=AREA, bbox_crs="EPSG:3979", product="dtm", output=tmp_path / "out.tif",
            stac_url=f"{server.url}/stac/api/", wcs_url=demo.wcs, http=client, engine=engine,
            via=via,
        )  # fmt: skip
    assert inside.requests == []
    assert list(tmp_path.iterdir()) == []


def test_link_of_an_item_to_itself_opens_no_private_network(
    client: HttpClient, inside: Misbehaving
) -> None:
    """Its relative addresses refer to that link, which is no more trusted than they."""
    feature = {
        "id": "t", "collection": "hrdem-mosaic-1m", "properties": {},
        "links": [{"rel": "self", "href": f"{inside.url}/items/t"}],
        "assets": {"dtm": {"href": "./x.tif"}},
    }  # fmt: skip
    with misbehaving(lambda _: Reply.json({"features": [feature]})) as server:
        (found,) = list_items(get_collection("1m"), f"{server.url}/", client)
        with pytest.raises(hrdem.BlockedAddressError, match="/items/x.tif is in a private network"):
            client.request("GET", found.assets[0].href)
    assert inside.requests == []


VRT = """<VRTDataset rasterXSize="500000" rasterYSize="500000"><SRS>EPSG:3979</SRS>
  <GeoTransform>1000000, 1, 0, 0, 0, -1</GeoTransform>{before}
  <VRTRasterBand dataType="Float32" band="1"><NoDataValue>-32767</NoDataValue><SimpleSource>
  <SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>
  </VRTRasterBand></VRTDataset>"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("vrt", "said"),
    [
        (VRT.format(source="{inside}/x.tif", before=""), "refers to a file, but .* private net"),
        (VRT.format(source="/etc/passwd", before=""), "refers to '/etc/passwd'"),
        (VRT.format(source="{own}/nested.vrt", before=""), "which is not a TIFF"),
        (VRT.format(source="{own}/x.tif", before="<MaskBand/>"), "has 'MaskBand'"),
    ],
    ids=["inside", "local", "nested", "mask"],
)
def test_vrt_with_foreign_sources_never_reaches_gdal(
    demo: Addresses, client: HttpClient, inside: Misbehaving, tmp_path: Path, vrt: str, said: str
) -> None:
    def script(request: ServerRequest) -> Reply:
        if request.path.endswith("nested.vrt"):
            return Reply(206, b"<VRTDataset/>   ", {"Content-Range": "bytes 0-15/16"})
        if request.path.endswith(".vrt"):
            return Reply(body=vrt.format(inside=inside.url, own=server.url).encode())
        return forward(request, demo.url, server.url)

    with misbehaving(script) as server:
        with pytest.raises(hrdem.NetworkError, match=said):
            hrdem.extract(
                bbox=AREA, bbox_crs="EPSG:3979", product="dtm", output=tmp_path / "out.tif",
                stac_url=f"{server.url}/stac/api/", http=client, via="vrt",
            )  # fmt: skip
        assert len([each for each in server.requests if each.path.endswith("-dtm.vrt")]) <= 2
    assert inside.requests == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_vrt_is_opened_by_the_vrt_driver_only(
    demo: Addresses, client: HttpClient, inside: Misbehaving, tmp_path: Path
) -> None:
    """GDAL would choose a driver by content and follow its links."""
    body = VRT.format(source=f"/vsicurl/{inside.url}/x.tif", before="").encode()

    def script(request: ServerRequest) -> Reply:
        if not request.path.endswith("dtm.tif"):
            return forward(request, demo.url, server.url)
        return range_reply(body, request)

    with misbehaving(script) as server, pytest.raises(hrdem.SourceError, match="cannot be opened"):
        hrdem.extract(
            bbox=AREA, bbox_crs="EPSG:3979", product="dtm", output=tmp_path / "out.tif",
            stac_url=f"{server.url}/stac/api/", http=client, engine="gdal",
        )  # fmt: skip
    assert inside.requests == []


@pytest.mark.slow
def test_vrt_is_fetched_by_our_client_only(
    demo: Addresses, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # scopes as they are
    with misbehaving(lambda request: forward(request, demo.url, server.url)) as server:
        hrdem.extract(
            bbox=AREA, bbox_crs="EPSG:3979", product="dtm", output=tmp_path / "out.tif",
            stac_url=f"{server.url}/stac/api/", http=http, via="vrt",
        )  # fmt: skip
        vrts = [each.path for each in server.requests if each.path.endswith(".vrt")]
    assert len(vrts) == 4  # met, and compared at the end


def overviews_elsewhere(path: Path, elsewhere: str) -> bytes:
    """A TIFF that has GDAL look for its overviews in another file."""
    with rasterio.open(
        path, "w", "GTiff", width=512, height=512, count=1, dtype="float32", crs="EPSG:3979",
        transform=Affine(1, 0, 1_499_400, 0, -1, -170_000), tiled=True, nodata=-32767,
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((512, 512), np.float32), 1)
        dataset.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=elsewhere)
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("way", [{"engine": "gdal"}, {"via": "vrt"}], ids=["gdal", "vrt"])
def test_external_overviews_are_not_read(
    demo: Addresses, client: HttpClient, inside: Misbehaving, tmp_path: Path, way: dict
) -> None:
    content = overviews_elsewhere(tmp_path / "a.tif", f"/vsicurl/{inside.url}/x.tif")

    def script(request: ServerRequest) -> Reply:
        if not request.path.endswith("dtm.tif"):
            return forward(request, demo.url, server.url)
        return range_reply(content, request)

    with (
        misbehaving(script) as server,
        pytest.raises(hrdem.SourceError, match="names another file for its overviews"),
    ):
        hrdem.plan(
            bbox=AREA, bbox_crs="EPSG:3979", product="dtm", stac_url=f"{server.url}/stac/api/",
            http=client, **way,
        )  # fmt: skip
    assert inside.requests == []


def test_vrt_with_blocked_sources_is_not_saved(
    demo: Addresses, client: HttpClient, inside: Misbehaving, tmp_path: Path
) -> None:
    def script(request: ServerRequest) -> Reply:
        if request.path.endswith(".vrt"):
            return Reply(body=VRT.format(source=f"{inside.url}/x.tif", before="").encode())
        return forward(request, demo.url, server.url)

    with misbehaving(script) as server:
        (asset,) = hrdem.assets(
            "9_2-mosaic-1m", product="dtm", kind="vrt", http=client,
            stac_url=f"{server.url}/stac/api/",
        )  # fmt: skip
        with pytest.raises(
            hrdem.BlockedAddressError, match="refers to a file, but .* private network"
        ):
            save_vrt(asset, tmp_path, client)
    assert list(tmp_path.iterdir()) == []


def test_saved_files_never_overwrite_one_another(
    demo: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File names come from hrefs, which a catalogue controls."""
    from click.testing import CliRunner

    from hrdem.cli.main import cli

    def script(request: ServerRequest) -> Reply:
        reply = forward(request, demo.url, server.url)
        reply.body = reply.body.replace(b"-dsm.vrt", b"-dtm.vrt?")
        return reply

    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    with misbehaving(script) as server:
        arguments = [
            "assets",
            "9_2-mosaic-1m",
            "--download",
            "--stac-url",
            f"{server.url}/stac/api",
        ]
        done = CliRunner().invoke(cli, arguments)
    assert "Several files have the same name, 9_2-mosaic-1m-dtm.vrt" in str(done.exception)
    assert list(tmp_path.iterdir()) == []
