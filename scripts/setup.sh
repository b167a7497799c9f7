# Sourced by the scripts beside it: system packages, a virtual environment, Python packages.
# What has been done before is not done again; a second run takes a moment.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${VOICEMODE_VENV:-$root/.venv}
python=$venv/bin/python

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

# Whether the person agrees: asked at a terminal, unless CI is set or --yes was given. Where nobody can be asked, no.
agreed() {
  local answer
  if [ -n "${CI:-}" ] || [ -n "${yes:-}" ]; then return 0; fi
  [ -t 0 ] || return 1
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]]
}

# Debian packages, as far as that is allowed. They are a help, not a condition: what cannot be had is said, and we go on.
system_packages() {
  command -v dpkg-query >/dev/null || return 0
  local name missing=() sudo=()
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
  if [ ${#sudo[@]} -gt 0 ] && ! sudo -n true 2>/dev/null; then
    say "Not installed, for want of root: ${missing[*]}. If something below fails: sudo apt-get install ${missing[*]}"
    return 0
  fi
  agreed "Install these system packages: ${missing[*]}?" || {
    say "Not installed: ${missing[*]}. What needs them is left out. To have them: sudo apt-get install ${missing[*]}"
    return 0
  }
  say "Installing system packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq || say "The package lists could not be updated."
  # --no-remove: PulseAudio and PipeWire exclude each other, and a desktop's sound is not ours to replace.
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends --no-remove "${missing[@]}" \
    >/dev/null || say "Not installed: ${missing[*]}."
}

# What the virtual sound card is made of.
virtual_sound_packages() { system_packages pulseaudio pulseaudio-utils libasound2-plugins; }

# Python packages with these extras, again whenever pyproject.toml has changed; more extras than asked for are no harm.
python_packages() {
  local extras=$1 stamp done_before
  stamp=$(cksum <"$root/pyproject.toml")
  done_before=$(cat "$venv/.voicemode-setup" 2>/dev/null || true)
  [[ $done_before == "$stamp "*"$extras"* ]] && return 0
  python3 -c 'import venv, ensurepip' 2>/dev/null || system_packages python3-venv
  [ -x "$python" ] || { say "Making a virtual environment in $venv"; python3 -m venv "$venv"; }
  say "Installing VoiceMode, its engines and their weights (about 900 MB on disk)"
  "$python" -m pip install --quiet --disable-pip-version-check 'uv>=0.13'
  UV_SYSTEM_CERTS=1 "$venv/bin/uv" pip install --python "$python" --editable "$root[$extras]"
  echo "$stamp $extras" >"$venv/.voicemode-setup"
}

# What a systemd of a test's own is made of.
user_systemd_packages() { system_packages systemd dbus dbus-user-session util-linux; }

# What runs the containers of compose.yaml in a test.
container_packages() {
  system_packages podman runc netavark aardvark-dns iptables catatonit debootstrap iproute2 util-linux
}

# The package that carries the turn model as data; without the hundred others that it would bring.
turn_model_package() {
  "$python" -c 'import importlib.metadata as m; m.version("pipecat-ai")' 2>/dev/null && return 0
  UV_SYSTEM_CERTS=1 "$venv/bin/uv" pip install --quiet --python "$python" --no-deps pipecat-ai==1.14.0 ||
    say "Not installed: pipecat-ai. The tests of the turn model are left out."
}

# LiveKit's server, of the version that is installed for people, and what several of them share.
livekit_server_program() {
  system_packages redis-server
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/voicemode-tests version=v1.11.0
  if command -v livekit-server >/dev/null || [ -x "$folder/livekit-server" ]; then return 0; fi
  command -v go >/dev/null || { say "Neither livekit-server nor Go is installed. The tests of rooms are left out."; return 0; }
  say "Building LiveKit's server (some minutes, once)"
  GOBIN=$folder go install "github.com/livekit/livekit-server/cmd/server@$version" &&
    mv "$folder/server" "$folder/livekit-server" ||
    say "LiveKit's server could not be built. The tests of rooms are left out."
}

# The page to talk from: built once, and again after a change of its sources.
page() {
  command -v npm >/dev/null || system_packages nodejs npm
  command -v npm >/dev/null || { say "npm is not installed. The tests of the page are left out."; return 0; }
  local frontend=$root/frontend newer
  newer=$(cd "$frontend" && find src public scripts next.config.ts package-lock.json tsconfig.json -newer out/index.html 2>/dev/null || echo all)
  [ -f "$frontend/out/index.html" ] && [ -z "$newer" ] && return 0
  say "Building the page (a minute)"
  (cd "$frontend" && npm ci --loglevel=error --no-audit --no-fund && NEXT_TELEMETRY_DISABLED=1 npm run --silent build >/dev/null) ||
    say "The page could not be built (it needs Node.js 20.19 or later). The tests of the page are left out."
}

# What plays the person's browser in tests.
browser_packages() { system_packages chromium; }

# For tests and figures: the virtual card, a systemd, containers, and PyAudio's headers.
setup_check() {
  virtual_sound_packages
  user_systemd_packages
  container_packages
  system_packages portaudio19-dev gcc python3-dev
  python_packages local,livekit,weights,dev,pyaudio
  turn_model_package
  livekit_server_program
  page
  browser_packages
}
