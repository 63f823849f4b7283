"""What a file's name says of it: lock file, vendored, generated, snapshot, minified, documentation.

The conventions are a part of linguist's (vendor.yml, documentation.yml, generated.rb of
https://github.com/github-linguist/linguist). Not taken is what linguist calls vendored or documentation for its
statistics although people write it: workflows, fixtures, `env/`, `dist/`, `examples/`, `bootstrap.js`. Added are
lock files of more package managers and endings that only one compiler writes (`_pb2.py`, `.pb.go`, `.g.dart`).
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final


class NameKind(StrEnum):
    """Why a name leaves a file out; the value is the phrase of the coverage list."""

    LOCK_FILE = "a lock file"
    VENDORED = "vendored"
    # A copy of foreign code inside the repository: an update of it is vendored, a change to it is code.
    VENDORED_COPY = "vendored copy"
    SNAPSHOT = "a test snapshot"
    MINIFIED = "minified"
    GENERATED = "generated"


_LOCK_FILES: Final = frozenset(
    """Cargo.lock Gemfile.lock Gopkg.lock MODULE.bazel.lock Pipfile.lock Podfile.lock Package.resolved
    buildscript-gradle.lockfile bun.lock bun.lockb cabal.project.freeze composer.lock conan.lock conda-lock.yml
    deno.lock devbox.lock esy.lock flake.lock glide.lock go.sum go.work.sum gradle.lockfile mise.lock mix.lock
    npm-shrinkwrap.json package-lock.json packages.lock.json paket.lock pdm.lock pixi.lock pnpm-lock.yaml
    poetry.lock pubspec.lock pylock.toml renv.lock rebar.lock shard.lock stack.yaml.lock uv.lock yarn.lock
    .terraform.lock.hcl""".lower().split()
)
# Files that a package manager changes together with the copies that it keeps in the repository.
_MANIFESTS: Final = _LOCK_FILES | frozenset(
    """go.mod go.work modules.txt package.json composer.json Gemfile Podfile Cargo.toml bower.json Godeps.json
    .gitmodules vendor.txt vendor.yml vendor.yaml vendor.toml vendir.yml vendir.lock.yml jsonnetfile.json
    Chart.lock west.yml deps.json""".lower().split()
)

_VENDORED: Final = re.compile(
    r"(?:^|/)(?:node_modules|bower_components|Godeps/_workspace|Pods|Carthage/(?:Build|Checkouts)|"
    r"\.yarn/(?:releases|plugins|sdks|versions|unplugged)|inst/extdata)/|"
    r"(?:^|/)(?:jquery(?:-\d[\d.]*\d)?|jquery-ui(?:-\d[\d.]*\d)?|modernizr-\d[\d.]*\d|d3\.v\d+|MochiKit|"
    r"html5shiv)\.js$|"
    r"(?:^|/)(?:bootstrap|normalize|font-?awesome|foundation|skeleton|animate|materialize)\.(?:css|less|scss|styl)$|"
    r"(?:^|/)(?:gradlew(?:\.bat)?|mvnw(?:\.cmd)?|config\.(?:guess|sub)|ltmain\.sh|install-sh|aclocal\.m4|"
    r"libtool\.m4|\.pnp\.(?:c|m)?js)$",
)
_VENDORED_COPY: Final = re.compile(r"(?:^|/)(?:vendors?|_?(?:third|3rd)[-_]?party|extern(?:als?)?)/", re.IGNORECASE)

_SNAPSHOT: Final = re.compile(
    r"(?:^|/)__(?:image_)?snapshots__/|(?:^|/)(?:__recordings__|cassettes)/|"
    r"\.(?:snap|snapshot|golden|ambr)$|\.(?:approved|verified)\.\w+$",
    re.IGNORECASE,
)

# Linguist's own names, then endings that a compiler writes and no person chooses.
_GENERATED: Final = re.compile(
    r"\.(?:nib|xcworkspacedata|xcuserstate)$|\.(?:designer\.(?:cs|vb)|feature\.cs)$|_tlb\.pas$|"
    r".\.zep\.(?:c|h|php)$|\.(?:js|css)\.map$|(?:^|/)\.sqlx/query-[0-9a-f]{64}\.json$|"
    r"(?:^|/)(?:__generated__|htmlcov)/|(?:^|/)(?:Cargo\.toml\.orig|\.pnp\.data\.json)$|"
    r"_pb2(?:_grpc)?\.pyi?$|\.pb(?:\.gw|\.validate)?\.go$|\.pb\.(?:cc|h|swift|dart)$|"
    r"_pb\.(?:js|ts|d\.ts|rb)$|\.g\.(?:dart|cs|i\.cs)$|\.freezed\.dart$|(?:^|/)zz_generated[\w.]*\.go$|"
    r"\.(?:pbxproj|storyboardc|tsbuildinfo)$",
)
_MINIFIED: Final = re.compile(r"[.-]min\.(?:js|mjs|cjs|css)$", re.IGNORECASE)

_PROSE_ENDINGS: Final = re.compile(
    r"\.(?:md|markdown|mdown|mkdn?|rst|adoc|asciidoc|textile|pod|rdoc|org|wiki|mediawiki|creole|tex|bib|texi|man)$",
    re.IGNORECASE,
)
# The whole name, with no ending or `.txt`: `NOTICE` is prose, `Notice.cs` and `security_utils.cpp` are code.
_PROSE_NAMES: Final = re.compile(
    r"(?:^|/)(?:README|Readme|readme|CHANGELOG|ChangeLog|Changelog|CHANGES|Changes|HISTORY|NEWS|"
    r"RELEASE[-_]?NOTES|LICEN[CS]E|Licen[cs]e|licen[cs]e|UNLICENSE|COPYING|NOTICE|PATENTS|AUTHORS|CONTRIBUTORS|"
    r"MAINTAINERS|CREDITS|CONTRIBUTING|CODE_OF_CONDUCT|SECURITY|THANKS|TODO|UPGRADING|GOVERNANCE|RELEASING|INSTALL|"
    r"(?:LICEN[CS]E|COPYING|NOTICE)[-._](?:MIT|APACHE|BSD|ISC|ZLIB|BOOST|MPL|[AL]?GPL|LESSER|LIB|CC0|UNICODE)"
    r"(?:[-_]?v?\d[\d.]*)?)(?:\.txt)?$|(?:^|/)CITATION\.cff$"
)
_PROSE_FOLDERS: Final = re.compile(r"(?:^|/)(?:docs?|documentation|changelogs?)/", re.IGNORECASE)
# No HTML, SVG or XML: these can hold programs.
_PROSE_IN_FOLDER: Final = re.compile(r"\.(?:txt|png|jpe?g|gif|webp|puml|mmd)$", re.IGNORECASE)
_NEWS_FRAGMENTS: Final = re.compile(
    r"(?:^|/)(?:changelog\.d|changelogs?|\.changeset|newsfragments)/[^/]*"
    r"\.(?:bugfix|feature|misc|removal|doc|breaking|deprecation|security|change|fix)$",
    re.IGNORECASE,
)
_MANUAL_FOLDERS: Final = re.compile(r"(?:^|/)(?:man\d?|docs?)/", re.IGNORECASE)
_MANUAL_PAGES: Final = re.compile(r"\.[1-9](?:\.in)?$")
# Prose that a program or an agent acts on is no documentation.
_INSTRUCTIONS: Final = re.compile(
    r"(?:^|/)(?:AGENTS|CLAUDE|GEMINI|SKILL|REVIEW|copilot-instructions)\.md$|"
    r"\.(?:instructions|prompt|chatmode)\.md$|(?:^|/)\.(?:cursor|claude|kilocode|kilo|windsurf|clinerules)/|"
    r"(?:^|/)(?:CMakeLists|requirements[\w.-]*|constraints[\w.-]*|robots)\.txt$|\.mdx$",
    re.IGNORECASE,
)

# Configuration, build files, data, styles and images. An ending that is not here counts as source.
_NO_SOURCE_ENDINGS: Final = frozenset(
    """json json5 jsonc yml yaml toml xml xsd dtd ini cfg conf config properties plist env txt csv tsv lock mod sum
    gradle csproj vcxproj vbproj fsproj sln props targets filters cmake ac am m4 mk mak build bazel bzl nix spec rc
    gemspec cabal podspec pom patch diff dist Dockerfile css scss sass less styl svg png jpg jpeg gif ico woff woff2
    map meta po pot resx xliff strings manifest pem crt key gitignore gitattributes dockerignore npmignore
    editorconfig""".lower().split()
)
_NO_SOURCE_NAMES: Final = ("dockerfile.", "makefile.")
# Data and images that a snapshot may be, beside those of its own format.
_SNAPSHOT_ENDINGS: Final = frozenset({"snap", "snapshot", "golden", "ambr", "html", "htm", "md"})


@lru_cache(maxsize=8192)
def kind_of_name(path: str) -> NameKind | None:
    """Return why a name leaves its file out, None where it does not."""
    if path.rsplit("/", 1)[-1].lower() in _LOCK_FILES:
        return NameKind.LOCK_FILE
    if _VENDORED.search(path):
        return NameKind.VENDORED
    if _VENDORED_COPY.search(path):
        return NameKind.VENDORED_COPY
    if _SNAPSHOT.search(path) and _is_data(path):
        return NameKind.SNAPSHOT
    if _MINIFIED.search(path):
        return NameKind.MINIFIED
    return NameKind.GENERATED if _GENERATED.search(path) else None


def is_manifest(path: str) -> bool:
    """Return True for a file that a package manager changes when it updates vendored copies."""
    return path.rsplit("/", 1)[-1].lower() in _MANIFESTS


@lru_cache(maxsize=8192)
def is_documentation_by_name(path: str) -> bool:
    """Return True for prose, by an ending of prose or an exact well-known name that no code ending follows."""
    if _INSTRUCTIONS.search(path):
        return False
    return bool(
        _PROSE_ENDINGS.search(path)
        or _PROSE_NAMES.search(path)
        or (_PROSE_FOLDERS.search(path) and _PROSE_IN_FOLDER.search(path))
        or _NEWS_FRAGMENTS.search(path)
        or (_MANUAL_FOLDERS.search(path) and _MANUAL_PAGES.search(path))
    )


@lru_cache(maxsize=8192)
def is_source(path: str) -> bool:
    """Return True for a file of a program, by its name: no configuration, build file, data, style or image.

    A name without an ending is a script's where it starts in lower case; `Dockerfile` and `.npmrc` are no source.
    """
    name = path.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    if not dot:
        return name[:1].islower()
    return bool(stem) and ending.lower() not in _NO_SOURCE_ENDINGS and not name.lower().startswith(_NO_SOURCE_NAMES)


def _is_data(path: str) -> bool:
    ending = path.rpartition("/")[2].rpartition(".")[2].lower()
    return ending in _SNAPSHOT_ENDINGS or not is_source(path)
