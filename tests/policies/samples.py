"""Forty sample changes for the golden table of routes: what a change is, and what the policy or people said."""

from __future__ import annotations

from dataclasses import dataclass

from policies.rules import ChangedPart
from policies.words import Severity, Strategy


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    parts: tuple[ChangedPart, ...]
    labels: tuple[str, ...] = ()
    command: Strategy | None = None
    evidence: Severity | None = None
    organisation: str | None = None
    repository: str | None = None


def part(path: str, diff: str) -> ChangedPart:
    lines = diff.strip("\n").split("\n") if diff else []
    return ChangedPart(
        path,
        tuple(line[1:] for line in lines if line.startswith("+")),
        tuple(line[1:] for line in lines if line.startswith("-")),
    )


def one(name: str, path: str, diff: str, **more: object) -> Sample:
    return Sample(name, (part(path, diff),), **more)  # type: ignore[arg-type]


TOTAL = "+def total(lines):\n+    return sum(line.price for line in lines)"
CSRF = """
-    if request.method == "POST":
+    if request.method == "POST" and not secure_compare(form.token, session.csrf_token):
+        raise Forbidden("bad CSRF token")
"""

SAMPLES = (
    # Prose, tests, data: never dear.
    one("a README paragraph", "README.md", "+Set the password in `config.toml`, never in the repository."),
    one(
        "a guide under docs/",
        "docs/guide/authentication.rst",
        "+Tokens expire after an hour.\n-Tokens never expire.",
    ),
    one("a changelog", "CHANGES.rst", "+Fixed a session fixation vulnerability."),
    one("a new unit test", "tests/test_cart.py", "+def test_total():\n+    assert total([]) == 0"),
    one(
        "a test of a login",
        "spec/login_spec.rb",
        "+  it 'refuses a wrong password' do\n+    expect(login('a', 'b')).to be nil",
    ),
    one(
        "a Java test", "src/test/java/org/acme/TokenTest.java", '+  assertThrows(BadToken.class, () -> parse("x"));'
    ),
    # Routine code.
    one("a small function", "src/shop/cart.py", TOTAL),
    one("a renamed variable", "src/shop/report.go", "-\tn := rows[0]\n+\tfirst := rows[0]"),
    one("a button's colour", "web/src/Button.tsx", '-  <Button color="red">\n+  <Button color="blue">'),
    one("a style sheet", "web/src/main.css", "-  margin: 4px;\n+  margin: 8px;"),
    one("a version number", "src/pkg/__init__.py", '-__version__ = "1.4.1"\n+__version__ = "1.4.2"'),
    one("a dependency's version", "package.json", '-    "left-pad": "1.2.0"\n+    "left-pad": "1.3.0"'),
    one(
        "an action's version",
        ".github/workflows/ci.yml",
        "-      - uses: actions/checkout@v4\n+      - uses: actions/checkout@v5",
    ),
    one("a build target", "Makefile", "+lint:\n+\truff check ."),
    one("a translated label", "locale/fr.json", '+  "cart.empty": "Votre panier est vide"'),
    one(
        "a plotting helper", "analysis/plot.py", '+    axis.set_title("Sales per week")\n+    figure.tight_layout()'
    ),
    # Sensitive by what the lines do.
    one("a CSRF check", "src/web/forms.py", CSRF),
    one(
        "a password comparison",
        "lib/auth/basic.rb",
        "-  digest == hmac(password, salt)\n+  secure_compare(digest, hmac(password, salt))",
    ),
    one(
        "a path joined from a request",
        "server/static.js",
        """
-  const file = path.join(root, req.params.name);
+  const file = path.resolve(root, req.params.name);
+  if (!file.startsWith(root + path.sep)) return res.status(403).end();
""",
    ),
    one(
        "a removed length check",
        "src/decode.c",
        """
-  if(len > sizeof(buf) || offset > len - 4)
-    return DECODE_OVERFLOW;
   memcpy(buf, data + offset, len);
+  memcpy(buf, data + offset, len);
""",
    ),
    one(
        "a query built from text",
        "app/models/report.php",
        """
-  $rows = $db->prepare("select * from report where owner = ?");
+  $rows = $db->rawQuery("select * from report where owner = '" . $request->input('owner') . "'");
""",
    ),
    one(
        "a redirect to a parameter",
        "app/controllers/login_controller.rb",
        "+    redirect_to params[:return_to] || root_url",
    ),
    one(
        "a deserialised body",
        "src/main/java/org/acme/Import.java",
        """
+    ObjectInputStream stream = new ObjectInputStream(request.getInputStream());
+    return (Order) stream.readObject();
""",
    ),
    one(
        "an XML parser's features",
        "src/main/java/org/acme/Feed.java",
        """
+    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
+    factory.setExpandEntityReferences(false);
""",
    ),
    one(
        "a header check",
        "net/http/parse.go",
        """
+	if strings.ContainsAny(value, "\\r\\n") {
+		return nil, errInvalidHeader
+	}
""",
    ),
    one(
        "a shell command",
        "tools/convert.py",
        """
-    subprocess.run(["convert", upload.filename], check=True)
+    subprocess.run(f"convert {upload.filename}", shell=True, check=True)
""",
    ),
    # Sensitive by a rule.
    one("verification switched off", "src/client.py", "+    response = session.get(url, verify=False)"),
    one(
        "a privileged workflow", ".github/workflows/label.yml", "+on: pull_request_target\n+permissions: write-all"
    ),
    one("a live credential", "deploy/settings.py", '+TOKEN = "ghp_' + "a1B2" * 9 + '"'),
    one("an install script", "package.json", '+    "postinstall": "node ./setup.js",'),
    one(
        "a database migration",
        "shop/migrations/0042_drop_owner.py",
        "+    migrations.RemoveField('order', 'owner'),",
    ),
    one(
        "a word that policy names",
        "src/billing.py",
        "+    ledger.post(amount)",
        organisation='[sensitive]\nwords = ["ledger"]',
    ),
    # What people say.
    one("a command", "src/shop/cart.py", TOTAL, command=Strategy.FRONTIER),
    one("a label", "src/shop/cart.py", TOTAL, labels=("bug", "kilo:balanced")),
    one("a cheap label on sensitive code", "src/web/forms.py", CSRF, labels=("kilo:free",)),
    one("a cheap command on sensitive code", "src/web/forms.py", CSRF, command=Strategy.EFFICIENT),
    one("a path rule", "examples/demo.py", TOTAL, repository='[routing.paths]\n"examples/**" = "free"'),
    one("a fixed strategy", "README.md", "+Hello.", organisation='strategy = "balanced"'),
    one("a ceiling", "src/web/forms.py", CSRF, organisation='max_tier = "balanced"'),
    one("an analyser's warning", "src/shop/cart.py", TOTAL, evidence=Severity.HIGH),
)
