"""Each error is reported with its code and its line."""

from every import every

from dialplan.lint import lint

GOOD = """\
[general]
static = yes
[one] ; a comment; with (brackets and "quotes
exten => 100,1(start),Set(A=${FILTER(0-9,${EXTEN})}) ; why
 same => n,GotoIf($["${A}" = "1"]?two,s,1:out)
;-- several lines
 of comment --;
 same => n(out),Set(CHANNEL(hangup_handler_push)=two,s,again)
 same => n,Gosub(two,s,again(a,b))
 same => n,Goto(${A},1)
 same => n,Hangup()
[two]
include => one
exten => s,1,NoOp(a\\; b)
exten => s,n(again),Dial(PJSIP/${A},10,U(two^x))
 same => n,Goto(100,start)
"""


def codes(text: str, prompts: set[str] | None = None) -> list[tuple[str, int]]:
    return [(finding.code, finding.line) for finding in lint(text, prompts)]


def test_a_good_dialplan_has_no_findings() -> None:
    assert lint(GOOD) == []


def one(*steps: str, pattern: str = "s") -> str:
    lines = [f"exten => {pattern},1,{steps[0]}", *(f" same => n,{step}" for step in steps[1:])]
    return "\n".join(["[ctx]", *lines, ""])


@every(
    ("code", "line", "text"),
    [
        ("E_SYNTAX", 1, "exten => s,1,Hangup()\n"),
        ("E_SYNTAX", 2, "[ctx]\nexten s,1,Hangup()\n"),
        ("E_SYNTAX", 2, "[ctx]\nsame => n,Hangup()\n"),
        ("E_SYNTAX", 2, "[ctx]\nexten => s,1,Hang up()\n"),
        ("E_SYNTAX", 2, '[ctx]\n#include "other.conf"\n'),
        ("E_PRIORITY", 2, "[ctx]\nexten => s,n,Hangup()\n"),
        ("E_PRIORITY", 2, "[ctx]\nexten => s,2,Hangup()\n"),
        ("E_PRIORITY", 3, "[ctx]\nexten => s,1,NoOp()\nexten => s,3,Hangup()\n"),
        ("E_PRIORITY", 2, "[ctx]\nexten => s,first,Hangup()\n"),
        ("E_DUPLICATE", 3, "[ctx]\nexten => s,1,Hangup()\nexten => s,1,Hangup()\n"),
        ("E_DUPLICATE", 3, "[ctx]\nexten => s,1(a),NoOp()\nexten => s,n(a),Hangup()\n"),
        ("E_DUPLICATE", 3, "[ctx]\nexten => op1,1,Hangup()\nexten => op-1,1,Hangup()\n"),
        ("E_TARGET", 2, one("Goto(nowhere,s,1)")),
        ("E_TARGET", 2, one("Goto(nobody,1)")),
        ("E_TARGET", 2, one("Goto(nolabel)")),
        ("E_TARGET", 2, one('GotoIf($["${A}" = "1"]?here:2)', "Hangup()")),
        ("E_TARGET", 2, one("Gosub(ctx,s,9(a,b))", "Hangup()")),
        ("E_TARGET", 2, one("Dial(PJSIP/x,10,U(nowhere^a))", "Hangup()")),
        ("E_TARGET", 2, one("Set(CHANNEL(hangup_handler_wipe)=nowhere,s,1)", "Hangup()")),
        ("E_TARGET", 2, "[ctx]\ninclude => nowhere\n"),
        ("E_APPLICATION", 2, one("System(rm -rf /)", "Hangup()")),
        ("E_APPLICATION", 2, one("Playbck(a)", "Hangup()")),
        ("E_FUNCTION", 2, one("Set(A=${SHELL(id)})", "Hangup()")),
        ("E_FUNCTION", 2, one("Set(STAT(A)=1)", "Hangup()")),
        ("E_PATTERN", 2, one("Hangup()", pattern="_X.")),
        ("E_PATTERN", 2, one("Hangup()", pattern="_+X!")),
        ("E_UNFILTERED", 2, one("Dial(PJSIP/${EXTEN})", "Hangup()")),
        ("E_UNFILTERED", 2, one("Dial(PJSIP/${EXTEN:1})", "Hangup()")),
        ("E_UNFILTERED", 2, one("Log(NOTICE,${CALLERID(name)})", "Hangup()")),
        ("E_UNFILTERED", 2, one('GotoIf($["${DB(a/b)}" = "1"]?1)', "Hangup()")),
        ("E_BRACKETS", 2, one('GotoIf($["${A} = "1"]?1)', "Hangup()")),
        ("E_BRACKETS", 2, one("GotoIf($[${A > 1]?1)", "Hangup()")),
        ("E_BRACKETS", 2, one("Set(A=${FILTER(0-9,${B})", "Hangup()")),
        ("E_TRUNK", 2, one("Dial(PJSIP/+33612345678@trunk-example)", "Hangup()")),
        ("E_TRUNK", 2, one("Dial(PJSIP/carrier-example/sip:33612345678@127.0.0.2)", "Hangup()")),
        ("E_TRUNK", 2, one("Gosub(ctx,s,1(a,PJSIP/trunk-example/sip:1@x))", "Return()")),
        ("E_TRUNK", 2, one("Dial(PJSIP/${FILTER(0-9,${EXTEN})}@edge)", "Hangup()")),
        ("W_END", 2, one("NoOp()")),
        ("W_LONG", 2, one(f"NoOp({'x' * 1001})", "Hangup()")),
    ],
)
def test_an_error_is_found_with_its_line(code: str, line: int, text: str) -> None:
    assert (code, line) in codes(text)


def test_a_jump_to_a_number_that_matches_a_pattern_is_valid() -> None:
    assert codes("[a]\nexten => s,1,Goto(b,+123,1)\n[b]\nexten => _[+0-9]XX[1-3],1,Hangup()\n") == []


def test_a_prompt_missing_in_one_language_is_reported_with_its_folder() -> None:
    text = one("Playback(hatif/${L}/moment)", "Playback(tone)", "Hangup()")
    prompts = {"hatif/fr/moment", "hatif/ar/closed", "tone"}
    (finding,) = lint(text, prompts)
    assert (finding.code, finding.line) == ("E_PROMPT", 2)
    assert "hatif/ar" in finding.sentence
    assert lint(text, prompts | {"hatif/ar/moment"}) == []
    assert lint(text) == []
