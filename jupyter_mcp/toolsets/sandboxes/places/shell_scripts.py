"""What `fallback` has a shell do inside: fixed texts that take paths and the like as parameters.

Each ends with a line that says how it went: ``ok``, or a word of `fallback`'s table.
"""

from __future__ import annotations

START = 'exec 3<&0; head -c "$1" | xargs -0 -x -n 100000 sh -c "$2" sh'
"""Turns the first bytes of stdin into parameters; what follows is stdin on descriptor 3."""

# Ends the group when the channel is closed; enters the folder of a path; says what went wrong.
COMMON = r"""
(cat <&3 >/dev/null 2>&1; kill -9 0) >/dev/null 2>&1 &
watcher=$!
top=$(pwd -P)
say() { printf '\n%s' "$1"; kill -9 "$watcher" 2>/dev/null; exit 0; }
enter() {
  cd -P -- "./$1" 2>/dev/null || { [ -e "./$1" ] && say not_folder; say not_found; }
  case "$(pwd -P)/" in "${top%/}"/*) ;; *) say leads_out ;; esac
}
"""
# The same while the script itself reads descriptor 3: nobody watches it then.
READING = COMMON.replace(
    "(cat <&3 >/dev/null 2>&1; kill -9 0) >/dev/null 2>&1 &\nwatcher=$!", "watcher="
).replace('kill -9 "$watcher" 2>/dev/null; ', "")

STAT = r"""
enter "$1"; [ -e "./$2" ] || [ -L "./$2" ] || say not_found
stat -c '%f %s %Y' -- "./$2" && { [ ! -L "./$2" ] || readlink -n -- "./$2"; } && say ok
say failed
"""
LIST = r"""
enter "$1"
find . -mindepth 1 $3 -exec stat -c '%f %s %Y %n' -- {} + 2>/dev/null | head -n "$2"
say ok
"""
READ = r"""
enter "$1"; f="./$2"
[ -d "$f" ] && say is_folder; [ -e "$f" ] || say not_found; [ -f "$f" ] || say not_file
case "$(readlink -f -- "$f")" in "${top%/}"/*) ;; *) say leads_out ;; esac
[ -r "$f" ] || say forbidden
stat -L -c '%s' -- "$f" && tail -c "+$3" -- "$f" | head -c "$4" && say ok
say failed
"""
WRITE = r"""
mkdir -p -- "./$1" 2>/dev/null; enter "$1"; f="./$2"; t="./.$3.jupyter-mcp"
trap 'rm -f -- "$t"' EXIT
[ -d "$f" ] && [ ! -L "$f" ] && say is_folder
head -c "$4" <&3 >"$t" || say full
[ "$(stat -c %s -- "$t")" = "$4" ] || say full
[ "$(sha256sum <"$t" | cut -c1-64)" = "$7" ] || say full
[ -f "$f" ] && [ ! -L "$f" ] && chmod "$(stat -c %a -- "$f")" "$t"
if [ -n "$6" ]; then
  [ -f "$f" ] && [ "$(sha256sum <"$f" | cut -c1-64)" = "$6" ] || say changed
fi
sync -- "$t" 2>/dev/null
if [ "$5" = replace ]; then mv -fT -- "$t" "$f" || say failed
else ln -T -- "$t" "$f" 2>/dev/null || say exists; fi
say ok
"""
DELETE = r"""
enter "$1"; f="./$2"; [ -e "$f" ] || [ -L "$f" ] || say not_found
if [ -d "$f" ] && [ ! -L "$f" ]; then
  if [ -n "$3" ]; then rm -rf -- "$f" || say forbidden
  else rmdir -- "$f" 2>/dev/null || say not_empty; fi
else rm -f -- "$f" || say forbidden; fi
say ok
"""
MOVE = r"""
mkdir -p -- "./$3" 2>/dev/null
enter "$3"; target=$(pwd -P); cd "$top" || say failed
enter "$1"; [ -e "./$2" ] || [ -L "./$2" ] || say not_found
[ -z "$5" ] && { [ -e "$target/$4" ] || [ -L "$target/$4" ]; } && say exists
mv -fT -- "./$2" "$target/$4" 2>/dev/null || say failed
say ok
"""
FOLDER = r"""
mkdir -p -- "./$1" 2>/dev/null || { [ -e "./$1" ] && say exists; say failed; }
enter "$1"; say ok
"""
RUN = r"""
cd -- "$1" 2>/dev/null || say not_found
command -v -- "$6" >/dev/null 2>&1 || say no_command
d=$(mktemp -d "${TMPDIR:-/tmp}/jupyter-mcp.XXXXXX") || say full
head -c "$2" <&3 >"$d/in"
(cat <&3 >/dev/null 2>&1; rm -rf "$d"; kill -9 0) >/dev/null 2>&1 &
watcher=$!
seconds=$3; limit=$4; shift "$5"
if [ -n "$seconds" ]; then set -- timeout -s KILL "$seconds" "$@"; fi
"$@" <"$d/in" >"$d/out" 2>"$d/err"
code=$?
printf '%s %s %s\n' "$code" "$(stat -c %s "$d/out")" "$(stat -c %s "$d/err")"
head -c "$limit" "$d/out"; head -c "$limit" "$d/err"
rm -rf "$d"; kill -9 "$watcher" 2>/dev/null
say ok
"""
