"""What a name says of its file, against linguist's lists and against names that only look like one of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.conventions import NameKind, is_documentation_by_name, is_manifest, is_source, kind_of_name

SKIPPED = [
    ("package-lock.json", NameKind.LOCK_FILE),
    ("a/b/Cargo.lock", NameKind.LOCK_FILE),
    ("mise.lock", NameKind.LOCK_FILE),
    ("node_modules/a/index.js", NameKind.VENDORED),
    ("ios/Pods/AFNetworking/AFHTTPClient.m", NameKind.VENDORED),
    ("Godeps/_workspace/src/a.go", NameKind.VENDORED),
    (".yarn/releases/yarn-4.1.0.cjs", NameKind.VENDORED),
    ("static/jquery-3.7.1.js", NameKind.VENDORED),
    ("static/normalize.css", NameKind.VENDORED),
    ("gradlew", NameKind.VENDORED),
    ("vendor/github.com/x/y.go", NameKind.VENDORED_COPY),
    ("third_party/zlib/inflate.c", NameKind.VENDORED_COPY),
    ("externals/a.c", NameKind.VENDORED_COPY),
    ("src/__snapshots__/App.test.tsx.snap", NameKind.SNAPSHOT),
    ("tests/cassettes/login.yaml", NameKind.SNAPSHOT),
    ("a/Report.approved.txt", NameKind.SNAPSHOT),
    ("static/app.min.js", NameKind.MINIFIED),
    ("api/user_pb2.py", NameKind.GENERATED),
    ("api/user.pb.go", NameKind.GENERATED),
    ("app/Form.Designer.cs", None),
    ("app/Form.designer.cs", NameKind.GENERATED),
    ("web/__generated__/query.ts", NameKind.GENERATED),
    ("static/app.js.map", NameKind.GENERATED),
]
# Each was left out, or is near to a name that is.
REVIEWED = [
    *("auth/level_string.go", "pkg/mock_clock.go", "mock_server.go", "static/normalize.js", "bindata.go"),
    *("src/bootstrap.js", "static/three.js", "web/react.production.js", "src/gen/app.gen.ts", "generated/auth.py"),
    *("user_generated.py", "user.generated.ts", "configure", "gradle/wrapper/gradle-wrapper.properties"),
    *("src/cassettes/player.py", "src/__snapshots__/evil.ts", "Identity.verified.cs", "src/Account.approved.java"),
    *("site/page.min.html", ".next/server.js", "javadoc/Main.java", ".bundle/config", "site-packages/a.py"),
    *("src/vendor.py", "vendored/a.py", "lock.py", "src/external_api.py", "env/settings.py", "dist/index.js"),
    *(".github/workflows/ci.yml", "Jenkinsfile", "tests/fixtures/a.py", "debian/rules", "cache/store.go"),
]


@pytest.mark.parametrize(("path", "kind"), SKIPPED)
def test_a_name_that_tools_own_says_why_its_file_is_left_out(path: str, kind: NameKind | None) -> None:
    assert kind_of_name(path) is kind


@pytest.mark.parametrize("path", REVIEWED)
def test_a_name_that_people_also_choose_leaves_nothing_out(path: str) -> None:
    assert kind_of_name(path) is None


DOCUMENTATION = [
    *("README", "readme.md", "docs/guide.rst", "CHANGELOG.txt", "LICENSE-APACHE-2.0", "COPYING.LESSER", "NOTICE"),
    *("docs/picture.png", "doc/notes.txt", "newsfragments/12.bugfix", ".changeset/brave-cats.md", "man/tool.1"),
    *("SECURITY.md", "INSTALL", "CITATION.cff", "paper/main.tex"),
]
CODE = [
    *("security_utils.cpp", "Security.kt", "Notice.cs", "security.sql", "todo.vue", "SECURITY.py", "README.rb"),
    *(
        "changes/apply.go",
        "history.ts",
        "News.php",
        "license.js",
        "authors_controller.rb",
        "thanks",
        "release_notes.sh",
    ),
    *("docs/conf.py", "docs/index.html", "docs/logo.svg", "docs/config.xml", "TODO.in", "NOTICE.d/run", "news.1"),
    *("AGENTS.md", ".claude/skills/x.md", ".github/prompts/fix.prompt.md", "page.mdx", "requirements.txt"),
    *("CMakeLists.txt", "docs/requirements.txt", "robots.txt", "INSTALL.sh", "examples/server.js", "demo/app.py"),
]


@pytest.mark.parametrize("path", DOCUMENTATION)
def test_prose_is_documentation(path: str) -> None:
    assert is_documentation_by_name(path)


@pytest.mark.parametrize("path", CODE)
def test_a_program_and_what_a_program_or_an_agent_reads_is_no_documentation(path: str) -> None:
    assert not is_documentation_by_name(path)


WORDS = st.sampled_from(
    [
        *("readme", "changelog", "changes", "history", "news", "release_notes", "license", "notice", "authors"),
        *("contributing", "security", "thanks", "todo", "install", "credits", "snapshot", "vendor", "mock", "lock"),
    ]
)
CODE_ENDINGS = st.sampled_from(
    [
        *("py", "js", "ts", "tsx", "vue", "go", "rb", "rs", "java", "kt", "scala", "c", "cc", "cpp", "h", "hpp"),
        *("cs", "php", "swift", "m", "mm", "sh", "bash", "ps1", "sql", "lua", "pl", "ex", "erl", "hs", "clj"),
        *("dart", "zig", "sol", "tf", "erb", "jsp", "twig", "graphql", "proto"),
    ]
)
FOLDERS = st.sampled_from(["", "src/", "docs/", "changelogs/", "man/", "cassettes/", "a/__snapshots__/"])
CASES = st.sampled_from([str.lower, str.upper, str.title])
SUFFIXES = st.sampled_from(["", "_utils", "-2", "s"])


@given(folder=FOLDERS, word=WORDS, case=CASES, suffix=SUFFIXES, ending=CODE_ENDINGS)
def test_an_ending_of_code_is_code_whatever_word_stands_before_it(
    folder: str, word: str, case: Callable[[str], str], suffix: str, ending: str
) -> None:
    path = f"{folder}{case(word)}{suffix}.{ending}"
    assert not is_documentation_by_name(path)
    assert kind_of_name(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "src/app.py",
        "lib/a.C",
        "bin/rails",
        "web/page.html",
        "db/schema.sql",
        "views/cart.twig",
        "engine.zig",
        ".x/a.rs",
    ],
)
def test_a_program_is_source_and_so_is_an_ending_that_nobody_listed(path: str) -> None:
    assert is_source(path)


@pytest.mark.parametrize(
    "path",
    [
        *("package.json", "go.mod", "pom.xml", "Dockerfile", "Dockerfile.simple", "ci/lint.Dockerfile", "Makefile"),
        *(".npmrc", ".github/workflows/ci.yml", "app.gemspec", "a/CMakeLists.txt", "logo.PNG", "main.scss", ""),
    ],
)
def test_configuration_builds_styles_and_images_are_no_source(path: str) -> None:
    assert not is_source(path)


def test_a_package_managers_own_files_are_known() -> None:
    assert all(map(is_manifest, ("go.mod", "vendor/modules.txt", "a/Cargo.lock", ".gitmodules")))
    assert not any(map(is_manifest, ("vendor/a.go", "modules.py", "package.py")))
