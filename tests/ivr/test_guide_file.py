"""All mistakes in the guide are reported at once with file, line and remedy, before a call can be affected."""

import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from every import every
from site_files import SENTENCE, edited, line_of

from ivr.flow.nodes.guide import GuideNode
from ivr.home.settings import CHECKOUT
from ivr.site import guide, site
from ivr.site.guide import FactSource, Guide, Procedure, ProcedureStatus
from ivr.site.site import SiteError
from prompts.sources import GUIDE_FIELDS

EXAMPLE = CHECKOUT / "sites" / "consulate"
COUNTRIES = ("BE", "FR", "NO")

VISA = """\
# Sample content: the ministry must confirm it.
status: sample
title: For a visa,
documents: You need your passport.
where: You apply at the consulate.
issuer: The consulate issues it.
duration: It takes ten days.
fee: It costs twenty-five euros.
legal_basis: The rules are in the law on the entry of foreigners.
remarks:
  FR: In France you need an appointment.
  "NO": In Norway you apply by post.
"""


def guide_refusal(texts: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """Return the findings about these files: file, line and message."""
    with pytest.raises(SiteError) as error:
        guide.parse(texts, "guide", COUNTRIES)
    found = []
    for sentence in str(error.value).split("\n"):
        match = SENTENCE.fullmatch(sentence)
        assert match is not None, sentence
        found.append((match["file"], int(match["line"]), match["what"]))
    return found


def test_a_procedure_is_parsed_with_its_status_and_the_countries_of_its_remarks() -> None:
    read = guide.parse({"visa.yaml": VISA}, "guide", COUNTRIES)
    texts = {field: (f"guide_visa_{field}",) for field in GUIDE_FIELDS}
    remarks = {"FR": ("guide_visa_remark_fr",), "NO": ("guide_visa_remark_no",)}
    assert read == Guide({"visa": Procedure("visa", ProcedureStatus.SAMPLE, texts, remarks, "guide/visa.yaml", 3)})
    assert read.procedures["visa"].countries == ("FR", "NO")
    assert guide.text_ids(read) == {
        *(f"guide_visa_{field}" for field in GUIDE_FIELDS),
        *("guide_visa_remark_fr", "guide_visa_remark_no"),
    }


def test_a_caller_hears_the_fields_in_order_and_only_the_remark_for_their_country() -> None:
    visa = guide.parse({"visa.yaml": VISA}).procedures["visa"]
    documents, *others = ((name, f"guide_visa_{name}") for name in ("documents", "fee", "duration", "where"))
    assert list(visa.steps("FR")) == [documents, ("remark", "guide_visa_remark_fr"), *others]
    assert list(visa.steps("BE")) == list(visa.steps(None)) == [documents, *others]
    assert visa.on_request == ("guide_visa_issuer", "guide_visa_legal_basis")


def test_a_field_may_be_a_list_of_texts_which_are_steps_of_their_own() -> None:
    text = edited(VISA, "documents: You need your passport.", "documents:\n  - Your passport.\n  - A photograph.")
    text = edited(text, "  FR: In France you need an appointment.", "  FR: [In France., By appointment.]")
    text = edited(text, "issuer: The consulate issues it.\n", "")
    visa = guide.parse({"visa.yaml": text}, "guide", COUNTRIES).procedures["visa"]
    assert list(visa.steps("FR"))[:4] == [
        ("documents_1", "guide_visa_documents_1"),
        ("documents_2", "guide_visa_documents_2"),
        ("remark_1", "guide_visa_remark_fr_1"),
        ("remark_2", "guide_visa_remark_fr_2"),
    ]
    assert visa.on_request == ("guide_visa_legal_basis",)
    assert set(visa.text_ids) >= {"guide_visa_documents_2", "guide_visa_remark_fr_2", "guide_visa_remark_no"}


SOURCES = """\
sources:
  fee: {source: The consulate's list of fees, as_of: 2026-11}
  remarks.FR: {source: Sample, as_of: 2026}
"""


def test_each_fact_may_have_its_source_and_its_date() -> None:
    visa = guide.parse({"visa.yaml": VISA + SOURCES}, "guide", COUNTRIES).procedures["visa"]
    assert visa.sources == {
        "fee": FactSource("The consulate's list of fees", "2026-11"),
        "remarks.FR": FactSource("Sample", "2026"),
    }
    assert visa.text_ids == guide.parse({"visa.yaml": VISA}).procedures["visa"].text_ids


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  fee:", "  fees:", "'fees' in sources is not a field with a fact of this file; write one of documents, .*"),
        ("  fee:", "  title:", "'title' in sources is not a field with a fact of this file"),
        ("remarks.FR", "remarks.BE", "'remarks.BE' in sources is not a field"),
        (", as_of: 2026-11}", "}", "the source of fee is incomplete; write {source: NAME, as_of: 2026-11}"),
        ("source: The consulate's list of fees", "source: ''", "the source of fee is incomplete"),
        ("{source: The consulate's list of fees, as_of: 2026-11}", "yes", "the source of fee is incomplete"),
        ("2026-11", "November", "as_of of fee is November; write a year, month or day, such as 2026-11"),
    ],
)
def test_a_mistake_in_the_sources_is_reported(old: str, new: str, message: str) -> None:
    text = VISA + edited(SOURCES, old, new)
    ((_, line, what),) = guide_refusal({"visa.yaml": text})
    assert line == text[: text.index(new)].count("\n") + 1
    assert re.search(message, what), what


def test_the_example_guide_is_valid_and_the_flow_offers_its_titles() -> None:
    settings = site.load(EXAMPLE)
    read = guide.parse(guide.read(EXAMPLE / "guide"), EXAMPLE / "guide", settings.countries)
    assert len(read.procedures) >= 18
    for item in read.procedures.values():
        assert item.countries, item.id
        assert all(len(text) <= 42 for text in item.text_ids)
        assert set(item.sources) == {*item.texts, *(f"remarks.{country}" for country in item.countries)} - {"title"}
        assert re.search(rf"procedures: \[.*\b{item.id}\b.*\]", (EXAMPLE / "flow.yaml").read_text()), item.id


def test_a_guide_of_twenty_procedures_is_parsed_within_30_ms() -> None:
    texts = guide.read(EXAMPLE / "guide")

    def once() -> float:
        began = time.process_time()  # excludes other processes
        guide.parse(texts)
        return time.process_time() - began

    assert len(texts) == 20
    assert min(once() for _ in range(5)) < 0.03


def test_a_site_without_a_guide_has_an_empty_one(tmp_path: Path) -> None:
    assert guide.parse(guide.read(tmp_path / "guide")) == Guide({})


GUIDE_MISTAKES = [
    ("status: sample", "status: draft", "status", "status is draft; write sample or confirmed"),
    ("status: sample", "status:", "status", "status is empty; write sample or confirmed"),
    ("status: sample", "status: [sample]", "status", "status is a list; write sample or confirmed"),
    ("status: sample\n", "", "# Sample", "status is missing; add it"),
    ("fee: It costs twenty-five euros.\n", "", "# Sample", "fee is missing; add it"),
    (
        "fee: It",
        "costs: x\nfee: It",
        "costs",
        "'costs' is not a field of the guide; its fields are status, title, doc.*",
    ),
    ("fee: It costs twenty-five euros.", "fee:", "fee", "fee is empty; write its English text"),
    ("fee: It costs twenty-five euros.", 'fee: " "', "fee", "fee is empty; write its English text"),
    ("fee: It costs twenty-five euros.", "fee: 25", "fee", "fee is '25', which YAML does not read as a string; write"),
    ("fee: It costs twenty-five euros.", "fee: no", "fee", "fee is 'no', which YAML does not read as a string; write"),
    ("fee: It costs twenty-five euros.", "fee: {FR: x}", "fee", "fee is not a text; write one text, in words"),
    ("fee: It costs twenty-five euros.", "fee: []", "fee", "fee has 0 texts; write 1 to 9"),
    ("fee: It costs twenty-five euros.", "fee: [a, [b]]", "fee", "fee, text 2, is not a text; write one text"),
    ("fee: It costs twenty-five euros.", "fee: [a, 2]", "fee", "fee, text 2, is '2', which YAML does not read as a"),
    ("title: For a visa,", "title: [For a visa,]", "title", "title is not a text; write one text, in words"),
    ("fee: It", "title: Again,\nfee: It", "title: Again", "'title' occurs twice; remove one"),
    ("fee: It", "fee: About: it", "fee", "mapping values are not allowed in this context; correct the YAML"),
    ("fee: It", "fee: \x01", "fee", "control characters are not allowed; correct the YAML"),
    ("fee: It", "fee: *it", "fee", "write out what it repeats"),
    ("fee: It", "? [a]\n: b\nfee: It", "? [a]", "a name is a list; write a word and a colon"),
    ("remarks:", "---\nremarks:", "---", "expected a single document.* but found another document; correct the YAML"),
    ('  "NO": In', "  NO: In", "  NO:", 'YAML does not read NO as a name; write it as "NO"'),
    ("  FR: In", "  France: In", "  France", "'France' is not a country; write its ISO code .* such as FR"),
    ("  FR: In", "  fr: In", "  fr", "'fr' is not a country; write its ISO code of two capital letters"),
    ("  FR: In", "  US: In", "  US", "the country 'US' is not one of the site's: BE, FR, NO"),
    ("  FR: In", '  "NO": In', '"NO": In Norway', "'NO' occurs twice; remove one"),
    ("  FR: In France you need an appointment.", "  FR:", "  FR:", "remarks.FR is empty; write its English text"),
    (VISA[VISA.index("remarks:") :], "remarks: {}\n", "remarks", "remarks has no country; write at least one"),
    (VISA[VISA.index("remarks:") :], "remarks: none\n", "remarks", "remarks has no country; write at least one"),
    (VISA[VISA.index("remarks:") :], "", "# Sample", "remarks is missing; add it"),
]


@every(("old", "new", "where", "message"), GUIDE_MISTAKES)
def test_a_mistake_in_the_guide_is_reported(old: str, new: str, where: str, message: str) -> None:
    text = edited(VISA, old, new)
    ((file, line, what),) = guide_refusal({"visa.yaml": text})
    assert (file, line) == ("guide/visa.yaml", line_of(text, where))
    assert re.search(message, what), what


@pytest.mark.parametrize("text", ["", "# nothing\n", "- status\n", "status\n"])
def test_an_empty_file_of_the_guide_is_reported(text: str) -> None:
    ((file, line, what),) = guide_refusal({"visa.yaml": text})
    assert (file, line) == ("guide/visa.yaml", 1)
    assert "is not a mapping; write the fields status, title, documents" in what


@pytest.mark.parametrize("name", ["Visa.yaml", "visa-f.yaml", "visa__f.yaml", "v1.2.yaml", f"{'v' * 23}.yaml"])
def test_an_invalid_procedure_id_is_reported(name: str) -> None:
    ((file, line, what),) = guide_refusal({name: VISA})
    assert (file, line) == (f"guide/{name}", 1)
    assert re.search("is not a procedure id; name the file with lower-case letters, digits and _ .*, at most 22", what)


def test_all_mistakes_of_all_files_are_reported_at_once_in_the_order_of_their_lines() -> None:
    broken = edited(edited(VISA, "  FR: In", "  US: In"), "status: sample", "status: old")
    empty = edited(VISA, "fee: It costs twenty-five euros.", "fee:")
    findings = guide_refusal({"visa.yaml": broken, "stay.yaml": empty, "good.yaml": VISA})
    assert [(file, line) for file, line, _ in findings] == [
        ("guide/stay.yaml", line_of(empty, "fee:")),
        ("guide/visa.yaml", line_of(broken, "status")),
        ("guide/visa.yaml", line_of(broken, "  US")),
    ]


def test_unreadable_files_of_the_guide_are_reported(tmp_path: Path) -> None:
    (tmp_path / "visa.yaml").write_bytes(b"title: For a visa,\nfee: \xff")
    (tmp_path / "stay.yml").write_text(VISA)
    (tmp_path / "pension.yaml").mkdir()
    (tmp_path / "README.md").write_text("Not of the guide.")
    (tmp_path / ".visa.yaml.swp").write_bytes(b"\xff")
    with pytest.raises(SiteError) as error:
        guide.read(tmp_path)
    assert str(error.value).split("\n") == [
        f"{tmp_path}/pension.yaml:1: E_GUIDE_FILE cannot be read (Is a directory); make it a readable file.",
        f"{tmp_path}/stay.yml:1: E_GUIDE_FILE has the wrong extension; rename it to stay.yaml.",
        f"{tmp_path}/visa.yaml:2: E_GUIDE_FILE is not UTF-8; save the file as UTF-8.",
    ]
    with pytest.raises(SiteError, match=r"it must be a folder of .yaml files"):
        guide.read(tmp_path / "README.md")


def test_a_stored_guide_is_parsed_again_identically(tmp_path: Path) -> None:
    """A stored version of the flow keeps the guide for calls that began with it."""
    (tmp_path / "visa.yaml").write_text("\ufeff" + VISA)
    kept = guide.read(tmp_path)
    (tmp_path / "again").mkdir()
    for name, text in kept.items():
        (tmp_path / "again" / name).write_text(text)
    assert guide.parse(guide.read(tmp_path / "again"), "guide") == guide.parse(kept, "guide")


def test_the_examples_in_the_documentation_are_valid() -> None:
    procedure, node = re.findall(r"```yaml\n(.*?)```", (CHECKOUT / "docs" / "guide.md").read_text(), re.DOTALL)
    assert list(guide.parse({"passport.yaml": procedure}, "guide", COUNTRIES).procedures) == ["passport"]
    assert GuideNode.model_validate(yaml.safe_load(node)["identity"]).topic == "documents"


def test_procedures_that_a_node_offers_but_the_guide_lacks_are_reported() -> None:
    read = guide.parse({"visa.yaml": VISA})
    node = GuideNode(kind="guide", procedures=("visa", "vsia"), back="main")
    (message,) = guide.guide_problems(node, read)
    assert message == "the guide has no procedure 'vsia'; write guide/vsia.yaml, or choose one of visa."


@pytest.mark.parametrize("procedures", [(), ("visa", "visa"), ("Visa",), tuple(f"visa{n}" for n in range(9))])
def test_a_node_offers_one_to_eight_procedures_once_each(procedures: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="procedures"):
        GuideNode(kind="guide", procedures=procedures, back="main")
