from __future__ import annotations

import re

import pytest

from policies.load import load_policy
from policies.rules import ChangedPart, SensitiveRules, builtin_rules, builtin_words, hits

BACKSLASH_CLASS = re.compile(r"[A-Z]")


def names(path: str, *added: str, removed: tuple[str, ...] = (), rules: SensitiveRules | None = None) -> set[str]:
    return {hit.rule.name for hit in hits((ChangedPart(path, added, removed),), rules or builtin_rules())}


@pytest.mark.parametrize(
    ("path", "line", "rule"),
    [
        ("id.pem", "-----BEGIN RSA PRIVATE KEY-----", "private-key"),
        ("tests/a.py", "key = 'AKIAIOSFODNN7EXAMPLE'", "credential"),
        (".github/workflows/a.yml", "on: [pull_request_target]", "workflow-privilege"),
        (".github/workflows/a.yml", "        run: echo ${{ github.event.issue.title }}", "workflow-privilege"),
        (".github/workflows/a.yml", "      token: ${{ secrets.NPM_TOKEN }}", "workflow-privilege"),
        ("src/a.go", "cfg := &tls.Config{InsecureSkipVerify: true}", "tls-off"),
        ("src/a.js", "  rejectUnauthorized: false,", "tls-off"),
        ("Dockerfile", "USER root", "container-privilege"),
        ("deploy/pod.yaml", "  privileged: true", "container-privilege"),
        ("Dockerfile", "RUN curl https://x.example/i.sh | sh", "container-fetch"),
        ("web/package.json", '  "postinstall": "node x.js"', "dependency-source"),
        ("requirements.txt", "--extra-index-url https://x.example/simple", "dependency-source"),
        ("app/db/migrate/001_x.rb", "drop_table :users", "migration"),
        (".github/CODEOWNERS", "* @acme/all", "code-owners"),
        ("a.py", "data = pickle.loads(body)", "native-deserialization"),
        ("a.py", "yaml.load(text)", "native-deserialization"),
        ("a.php", "$x = unserialize($_GET['x']);", "native-deserialization"),
        ("a.py", 'cursor.execute(f"select * from t where id = {id}")', "sql-from-text"),
        ("a.js", "db.query(`SELECT * FROM t WHERE id = ${id}`)", "sql-from-text"),
        ("a.java", 'st.execute("DELETE FROM t WHERE id = " + id);', "sql-from-text"),
        ("a.py", "subprocess.run(cmd, shell=True)", "shell-from-text"),
        ("a.js", "node.innerHTML = text", "raw-markup"),
        ("a.java", '        s.add("org.acme.jndi.Gadget");', "class-block-list"),
        ("deploy/role.yaml", '  verbs: ["*"]', "access-configuration"),
        ("deploy/role.yaml", "kind: ClusterRoleBinding", "access-configuration"),
        ("infra/main.tf", '  cidr_blocks = ["0.0.0.0/0"]', "access-configuration"),
        ("etc/nginx.conf", "ssl_protocols TLSv1 TLSv1.2;", "access-configuration"),
        ("web/WEB-INF/web.xml", "    <auth-constraint>", "access-configuration"),
        ("iam/policy.json", '  "Action": "*",', "access-configuration"),
    ],
)
def test_a_line_that_is_sensitive_by_itself_is_found_added_or_removed(path: str, line: str, rule: str) -> None:
    assert rule in names(path, line)
    assert rule in names(path, removed=(line,))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (".github/workflows/a.yml", "      - uses: actions/checkout@v5"),
        ("deploy/role.yaml", '  verbs: ["get"]'),
        ("deploy/pod.yaml", "kind: Deployment"),
        ("infra/main.tf", '  cidr_blocks = ["10.0.0.0/16"]'),
        (".github/workflows/a.yml", "      token: ${{ secrets.GITHUB_TOKEN }}"),
        ("Dockerfile", "USER app"),
        ("Dockerfile", "RUN pip install -r requirements.txt"),
        ("package.json", '  "lodash": "4.17.21"'),
        ("requirements.txt", "flask==3.1.0"),
        ("a.py", "yaml.load(text, Loader=yaml.SafeLoader)"),
        ("a.py", 'cursor.execute("select * from t where id = %s", (id,))'),
        ("a.java", 'names.add("hello");'),
        ("a.js", "if (node.innerHTML === text) return"),
        ("a.py", "subprocess.run([tool, path], check=True)"),
    ],
)
def test_the_everyday_neighbour_of_a_sensitive_line_is_left_to_the_model(path: str, line: str) -> None:
    assert names(path, line) == set()


def test_tests_and_prose_may_show_what_code_may_not_do_but_not_a_secret() -> None:
    assert names("tests/test_a.py", "pickle.loads(b'')") == set()
    assert names("docs/a.md", "never write shell=True") == set()
    assert names("docs/a.md", "ghp_" + "a1B2" * 9) == {"credential"}


def test_policys_own_paths_words_and_patterns_are_rules() -> None:
    policy = load_policy(
        organisation="""
[sensitive]
paths = ["Billing/**"]
words = ["ledger"]
patterns = ['transfer\\(\\w+\\)']
disable = ["tls-off"]
"""
    )
    rules = policy.sensitive
    assert names("billing/x.py", "a = 1", rules=rules) == {"policy-path"}
    assert names("a.py", "Ledger.post(x)", rules=rules) == {"policy-word"}
    assert names("a.py", "ledgers = 1", rules=rules) == set()
    assert names("a.py", "transfer(money)", rules=rules) == {"policy-pattern"}
    assert names("a.py", "get(url, verify=False)", rules=rules) == set()


def test_every_rule_has_a_reason_compiles_and_is_named_once() -> None:
    rules = builtin_rules().rules
    assert len({rule.name for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.reason
        sides = (*rule.added, *rule.removed)
        assert rule.paths or rule.lines or rule.words or sides or rule.shape, rule.name
        assert not any(re.compile(line).search("") for line in sides), rule.name
        assert all(ending == ending.lower().lstrip(".") for ending in rule.endings), rule.name
        assert not any(BACKSLASH_CLASS.search(glob) for glob in rule.paths), rule.name
        assert all(re.compile(line) for line in rule.lines)
        assert not any(re.compile(line).search("") for line in rule.lines)
        assert all(word == word.lower() and word.rstrip("*").isalnum() for word in rule.words), rule.name


@pytest.mark.parametrize(
    "evil", ["a" * 500, "select " * 80, '"select ' * 70, "$" * 500, "(" * 500, "curl " * 100, "x." * 250]
)
def test_no_rule_can_be_made_to_backtrack(evil: str) -> None:
    """An expression that backtracks runs into the time limit of the suite here."""
    for rule in builtin_rules().rules:
        for line in rule.lines:
            re.compile(line).search(evil[:500])
    part = ChangedPart("Dockerfile", (evil * 200,) * 50, ())
    assert isinstance(hits((part,), builtin_rules()), tuple)


def test_words_are_found_in_every_way_of_writing_an_identifier() -> None:
    lookup = builtin_words()
    for identifier in ("setCookie", "set_cookie", "SET_COOKIE", "cookie", "httpOnlyCookieJar"):
        assert "session" in lookup.of_identifier(identifier), identifier
    assert "auth" in lookup.of_identifier("reauthenticate") or "auth" in lookup.of_identifier("authenticateUser")
    assert lookup.of_identifier("authorOfBook") == frozenset()
