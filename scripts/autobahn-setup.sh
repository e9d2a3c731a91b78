#!/usr/bin/env bash
# Makes the Autobahn test suite in a folder of its own, and installs nothing.
#
#   scripts/autobahn-setup.sh FOLDER
#
# The suite needs Python 2.7, which Debian has not had since release 11: the packages of that
# release are unpacked into FOLDER, and the suite is put beside them. FOLDER/wstest runs it. Where
# FOLDER holds a suite already, nothing is done.
#
# Needs Debian or one of its kind, x86-64, python3 with pip, and the network; 100 MB and half a
# minute. Ends with 0 when the suite is there; 2 when the command line is wrong; 3 when this host
# can't have it, and says why.
set -euo pipefail

suite=autobahntestsuite==25.10.1
# What that version was made with.
libraries=(autobahn==0.10.9 Twisted==19.10.0 zope.interface==4.6.0 txaio==2.1.0 incremental==16.10.1
    pyOpenSSL==19.1.0 cryptography==3.3.2 service-identity==18.1.0 jinja2==2.11.3 markupsafe==1.1.1
    Werkzeug==1.0.1 klein==17.10.0 unittest2==1.1.0 six==1.16.0)
# The suite's own way over each byte, in C. Without them groups 9, 12 and 13 take far longer.
faster=(wsaccel==0.6.2 ujson==2.0.3)
release=bullseye
packages=(python2.7 python2.7-minimal libpython2.7-stdlib libpython2.7-minimal libpython2.7-dev
    libffi7 libssl1.1)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

unable() { printf 'autobahn-setup.sh: %s\n' "$*" >&2; exit 3; }

if [ $# -ne 1 ] || [ -z "$1" ]; then
    echo 'usage: scripts/autobahn-setup.sh FOLDER' >&2
    exit 2
fi
wanted=$(realpath -m "$1")
if [ -x "$wanted/wstest" ]; then exit 0; fi
if [ -e "$wanted" ]; then
    echo "autobahn-setup.sh: $wanted is there and holds no suite: remove it, or name another" >&2
    exit 2
fi

[ "$(uname -m)" = x86_64 ] || unable "its Python is fetched for x86-64, this is $(uname -m)"
for command in apt-get dpkg python3; do
    command -v "$command" >/dev/null || unable "there is no '$command'"
done
python3 -m pip --version >/dev/null 2>&1 ||
    unable "python3 has no pip: install the package python3-pip"
[ -e "$keyring" ] || unable "there is no $keyring: install the package debian-archive-keyring"

# Under the name that it keeps, since its launcher names it; but `wstest` comes last.
mkdir -p "$wanted"
log=$(mktemp)
made=
trap 'rm -f "$log"; [ -n "$made" ] || rm -rf "$wanted"' EXIT
cd "$wanted"

quietly() { # WHAT COMMAND...
    "${@:2}" >"$log" 2>&1 || unable "$1 failed: $(tail -n 1 "$log")"
}

fetch_python() {
    # The archive that this host takes its own packages from has the older release as well.
    local archive
    archive=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        awk -v own="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" \
            '$1 == own { print $2; exit }')
    [ -n "$archive" ] || unable "this host's list of sources has no archive of its own release"
    mkdir -p apt/lists/partial apt/cache/archives/partial packages
    echo "deb [signed-by=$keyring] $archive $release main" >apt/sources.list
    cat >apt/apt.conf <<CONF
Dir::Etc::sourcelist "$wanted/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$wanted/apt/lists";
Dir::Cache "$wanted/apt/cache";
APT::Sandbox::User "root";
CONF
    cd packages
    export APT_CONFIG=$wanted/apt/apt.conf
    quietly "reading the archive's list of $release" \
        apt-get -o APT::Update::Error-Mode=any update
    quietly 'fetching Python 2.7' apt-get download "${packages[@]}"
    unset APT_CONFIG
    cd ..
    local package
    for package in packages/*.deb; do
        quietly "unpacking $package" dpkg -x "$package" root
    done
    rm -r apt packages
}

python2() { # MODULE_PATH ARGUMENT...
    env -u PYTHONHOME LD_LIBRARY_PATH="$wanted/root/usr/lib/x86_64-linux-gnu" PYTHONPATH="$1" \
        CFLAGS="-O2 -I$wanted/root/usr/include/python2.7 -I$wanted/root/usr/include" \
        "$wanted/root/usr/bin/python2.7" -W ignore "${@:2}"
}

fetch_suite() {
    # The last pip that runs there. It is run as it is, out of its archive.
    quietly 'fetching pip' python3 -m pip download --quiet --no-deps --dest . pip==20.3.4
    local pip=$wanted/pip-20.3.4-py2.py3-none-any.whl
    local install=(-m pip install --quiet --target "$wanted/site" --no-compile
        --disable-pip-version-check)
    quietly 'fetching the tools to build with' \
        python2 "$pip" "${install[@]}" setuptools==44.0.0 wheel==0.37.1
    install+=(--no-build-isolation)
    quietly "fetching the suite's libraries" \
        python2 "$wanted/site:$pip" "${install[@]}" "${libraries[@]}"
    python2 "$wanted/site:$pip" "${install[@]}" --no-deps "${faster[@]}" >"$log" 2>&1 ||
        echo "autobahn-setup.sh: ${faster[*]} can't be built: the suite will be slow" >&2
    quietly 'fetching the suite' python2 "$wanted/site:$pip" "${install[@]}" --no-deps "$suite"
    # In a folder that is not Python's own, what says that it is a package is missing.
    touch site/zope/__init__.py
    rm "$pip"
}

write_launcher() {
    cat >launcher <<LAUNCHER
#!/usr/bin/env bash
unset PYTHONHOME
export LD_LIBRARY_PATH=$(printf %q "$wanted/root/usr/lib/x86_64-linux-gnu")
export PYTHONPATH=$(printf %q "$wanted/site") PYTHONDONTWRITEBYTECODE=1
exec $(printf %q "$wanted/root/usr/bin/python2.7") -W ignore \
    -c 'from autobahntestsuite.wstest import run; run()' "\$@"
LAUNCHER
    chmod +x launcher
    quietly 'starting the suite' ./launcher --autobahnversion
    mv launcher wstest
}

fetch_python
fetch_suite
write_launcher
made=yes
