"""Every language's definitions and uses, as tree-sitter reads them."""

# ruff: noqa: E501 - sample files read better with their lines joined

from __future__ import annotations

import pytest

from reviewer.syntax.symbols import Definition, Source
from reviewer.syntax.uses import Role

SAMPLES = {
    "a.py": (
        "import os\nLIMIT = 3\n\n# why\n@cached\ndef run(job: Job) -> None:\n    '''Doc.'''\n    local = helper(job)\n\n\n"
        "class Job(Base):\n    size = 1\n\n    def start(self):\n        return self.size\n",
        {"LIMIT": (2, 2, 2), "run": (4, 7, 8), "Job": (11, 11, 15), "start": (14, 14, 15), "size": (12, 12, 12)},
        {"local"},
    ),
    "a.ts": (
        "import { x } from './x'\nexport const LIMIT = 3\n/** why */\nexport function run(job: Job): void {\n  const local = helper(job)\n}\n"
        "export class Job extends Base {\n  size = 1\n  start() {\n    return this.size\n  }\n}\nexport interface Shape {\n  area(): number\n}\n"
        "export type Id = string\nconst arrow = (a: number) => {\n  return a\n}\n",
        {
            "LIMIT": (2, 2, 2),
            "run": (3, 4, 6),
            "Job": (7, 7, 12),
            "start": (9, 9, 11),
            "Shape": (13, 13, 15),
            "Id": (16, 16, 16),
            "arrow": (17, 17, 19),
        },
        {"local"},
    ),
    "a.tsx": ("export function View(props: P) {\n  return <Row label={t('x')} />\n}\n", {"View": (1, 1, 3)}, set()),
    "a.js": (
        "class Job {\n  start() { return go() }\n}\nconst run = function () {\n  return 1\n}\n",
        {"Job": (1, 1, 3), "start": (2, 2, 2), "run": (4, 4, 6)},
        set(),
    ),
    "a.go": (
        "package a\n\n// Run runs.\nfunc Run(j *Job) error {\n\tlocal := helper(j)\n\treturn local\n}\n\ntype Job struct {\n\tSize int\n}\n\n"
        "func (j *Job) Start() {}\n\ntype Doer interface {\n\tDo() error\n}\n\nconst Limit = 3\n",
        {
            "Run": (3, 4, 7),
            "Job": (9, 9, 11),
            "Start": (13, 13, 13),
            "Doer": (15, 15, 17),
            "Do": (16, 16, 16),
            "Limit": (19, 19, 19),
        },
        {"local"},
    ),
    "A.java": (
        "package a;\n/** Doc. */\npublic class A extends B {\n  static final int LIMIT = 3;\n  @Override\n  public void run(Job job) {\n    int local = helper(job);\n  }\n}\n"
        "interface Shape { double area(); }\nenum Kind { ONE, TWO }\n",
        {
            "A": (2, 3, 9),
            "LIMIT": (4, 4, 4),
            "run": (5, 6, 8),
            "Shape": (10, 10, 10),
            "Kind": (11, 11, 11),
            "TWO": (11, 11, 11),
        },
        {"local"},
    ),
    "a.rb": (
        "module A\n  # why\n  class B < C\n    LIMIT = 3\n    def run(job)\n      local = helper(job)\n    end\n    def self.make; end\n  end\nend\n",
        {"A": (1, 1, 10), "B": (2, 3, 9), "LIMIT": (4, 4, 4), "run": (5, 5, 7), "make": (8, 8, 8)},
        {"local"},
    ),
    "a.php": (
        "<?php\nnamespace A;\nclass B extends C implements D {\n  const LIMIT = 3;\n  /** why */\n  public function run(Job $job): void {\n    $local = helper($job);\n  }\n}\nfunction helper($x) {\n  return $x;\n}\n",
        {"B": (3, 3, 9), "LIMIT": (4, 4, 4), "run": (5, 6, 8), "helper": (10, 10, 12)},
        {"local"},
    ),
    "a.rs": (
        "/// Doc.\n#[derive(Debug)]\npub struct Job {\n    size: u32,\n}\n\nimpl Job {\n    pub fn start(&self) -> u32 {\n        let local = helper(self);\n        local\n    }\n}\n"
        "pub trait Shape {\n    fn area(&self) -> f64;\n}\npub const LIMIT: u32 = 3;\nenum Kind { One, Two }\n",
        {
            "Job": (1, 3, 5),
            "start": (8, 8, 11),
            "Shape": (13, 13, 15),
            "area": (14, 14, 14),
            "LIMIT": (16, 16, 16),
            "Two": (17, 17, 17),
        },
        {"local"},
    ),
    "a.c": (
        "#define LIMIT 3\nstruct job { int size; };\ntypedef struct job Job;\nint helper(Job *job);\nstatic int run(struct job *job)\n{\n  int local = helper(job);\n  return local;\n}\n",
        {"LIMIT": (1, 1, 1), "job": (2, 2, 2), "Job": (3, 3, 3), "helper": (4, 4, 4), "run": (5, 5, 9)},
        {"local"},
    ),
    "a.cpp": (
        "namespace a {\nclass Job : public Base {\n public:\n  int start() const { return size_; }\n  void stop();\n private:\n  int size_;\n};\nvoid Job::stop() {\n  int local = 1;\n}\n"
        "template <typename T>\nT pick(T a) {\n  return a;\n}\n}\n",
        {"Job": (2, 2, 8), "start": (4, 4, 4), "stop": (5, 5, 5), "pick": (12, 13, 15)},
        {"local"},
    ),
    "a.cs": (
        "namespace A {\n  public class Job : Base {\n    public int Size { get; set; }\n    int limit = 3;\n    public void Start(Other o) {\n      var local = o.Helper();\n    }\n  }\n  interface IShape { double Area(); }\n}\n",
        {
            "Job": (2, 2, 8),
            "Size": (3, 3, 3),
            "limit": (4, 4, 4),
            "Start": (5, 5, 7),
            "IShape": (9, 9, 9),
            "Area": (9, 9, 9),
        },
        {"local"},
    ),
    "a.kt": (
        "package a\nclass Job(val size: Int) : Base() {\n  fun start(): Int {\n    val local = helper(this)\n    return local\n  }\n}\nobject Single\nfun helper(j: Job) = 1\ntypealias Id = String\n",
        {"Job": (2, 2, 7), "start": (3, 3, 6), "Single": (8, 8, 8), "helper": (9, 9, 9), "Id": (10, 10, 10)},
        {"local"},
    ),
}


def places(source: Source, name: str) -> list[tuple[int, int, int]]:
    return [(item.start, item.line, item.end) for item in source.by_name.get(name, ())]


@pytest.mark.parametrize("path", SAMPLES)
def test_definitions_are_found_with_what_belongs_to_them_and_locals_are_not(path: str) -> None:
    text, expected, unknown = SAMPLES[path]
    source = Source(path, text.encode())
    for name, (start, line, end) in expected.items():
        found = places(source, name)
        if name == "run" and path == "a.py":
            assert found == [(4, 6, 8)]
        else:
            assert (start, line, end) in found, (name, found)
    assert not unknown & set(source.by_name)


@pytest.mark.parametrize("path", [path for path in SAMPLES if path != "a.tsx"])
def test_a_call_is_told_from_other_uses(path: str) -> None:
    text = SAMPLES[path][0]
    source = Source(path, text.encode())
    roles = {use.name.lower(): use.role for use in source.uses([(1, len(source.lines))]) if use.role is Role.CALL}
    wanted = {"a.js": "go", "a.cpp": None}.get(path, "helper")
    if wanted is not None:
        assert roles.get(wanted) is Role.CALL


def test_a_jsx_element_is_a_use_to_follow() -> None:
    source = Source("a.tsx", SAMPLES["a.tsx"][0].encode())
    assert ("Row", Role.CALL) in {(use.name, use.role) for use in source.uses([(2, 2)])}


def test_only_the_asked_lines_are_read_and_comments_are_not() -> None:
    source = Source("a.py", b"first()\nsecond()  # third()\nfourth = 'camelCase and plain words'\n")
    assert {use.name for use in source.uses([(2, 3)])} == {"second", "fourth", "camelCase"}


def test_the_signature_ends_before_the_body_and_holds_a_docstring() -> None:
    source = Source("a.py", SAMPLES["a.py"][0].encode())
    run: Definition = source.by_name["run"][0]
    assert source.lines[run.signature_end - 1].strip() == "'''Doc.'''"
    go = Source("a.go", SAMPLES["a.go"][0].encode())
    assert go.by_name["Run"][0].signature_end == 4


def test_a_member_knows_its_class() -> None:
    source = Source("A.java", SAMPLES["A.java"][0].encode())
    assert source.by_name["run"][0].container == "A"
    assert [line for line, _ in source.by_name["A"][0].members] == [4, 6]


def test_a_language_without_a_grammar_is_read_by_keyword_and_indentation() -> None:
    source = Source("a.lua", b"local function run(job)\n  return helper(job)\nend\n\nfunction other()\nend\n")
    assert places(source, "run") == [(1, 1, 3)]
    assert ("helper", Role.CALL) in {(use.name, use.role) for use in source.uses([(2, 2)])}


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00", b"def (", b"class", b"\n" * 5000, "def ñandú(): pass\n".encode()]
)
def test_broken_files_break_nothing(data: bytes) -> None:
    for path in SAMPLES:
        source = Source(path, data)
        assert isinstance(source.definitions, tuple)
        assert isinstance(source.uses([(1, 10_000)]), list)
        assert source.enclosing(1, 3) is not None
