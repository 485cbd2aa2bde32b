"""Names of files and folders in which nobody looks for what they wrote."""

from __future__ import annotations

from unicodedata import category

from jupyter_mcp.toolsets.search.walking.secrets import is_secret_name


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SHOWN = _set(".devcontainer .github")
_FOLDERS = {
    "node_modules": "installed packages",
    "bower_components": "installed packages",
    "site-packages": "installed packages",
    "__pypackages__": "installed packages",
    "__pycache__": "made by programs",
}
_MADE = _set("""
    cargo.lock composer.lock flake.lock gemfile.lock go.sum npm-shrinkwrap.json package-lock.json
    pdm.lock pipfile.lock pnpm-lock.yaml poetry.lock uv.lock yarn.lock
""")
_MADE_SUFFIXES = (".bundle.js", ".map", ".min.css", ".min.js")
_DATA = _set(".csv .fasta .fastq .geojson .jsonl .ndjson .pdb .ply .svg .tsv .vcf")
_BINARY = _set("""
    .7z .a .avi .bin .blend .bmp .bz2 .class .dat .db .dll .dmg .doc .docx .dylib .egg .eot .exe
    .feather .fits .flac .gif .gz .h5 .hdf5 .ico .iso .jar .joblib .jpeg .jpg .lz4 .m4a .mat .mo
    .mov .mp3 .mp4 .mpg .nc .npy .npz .o .obj .odt .ogg .onnx .otf .parquet .pdf .pickle .pkl .png
    .ppt .pptx .psd .pt .pth .pyc .pyd .pyo .rar .rdata .rds .safetensors .so .sqlite .sqlite3 .tar
    .tflite .tgz .tif .tiff .ttf .wasm .wav .webm .webp .whl .woff .woff2 .xls .xlsx .xz .zarr .zip
    .zst
""")


def reason_of_folder(name: str) -> str:
    """Return why a folder of this name is left out; nothing when it is not."""
    if name.startswith(".") and name not in _SHOWN:
        return "hidden folder"
    return _FOLDERS.get(name, "")


def reason_of_file(name: str) -> str:
    """Return why a file of this name is left out unread; nothing when it is not."""
    lower = name.lower()
    suffix = lower[lower.rfind(".") :] if "." in lower else ""
    if suffix in _BINARY:
        return "binary"
    if suffix in _DATA:
        return "data"
    if lower in _MADE or lower.endswith(_MADE_SUFFIXES):
        return "made by programs"
    return "may hold secrets" if is_secret_name(lower) else ""


def reason_of_name(name: str) -> str:
    """Return why a name cannot stand in an index; nothing when it can."""
    if name.isascii() and name.isprintable():
        return ""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    # A new line or an escape sequence would do its work wherever a hit is shown.
    has_control = any(category(letter) == "Cc" for letter in name)
    return "control characters in its name" if has_control else ""
