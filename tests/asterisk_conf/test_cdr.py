"""Asterisk's call detail records are off unless the site wants them, and cost nothing then."""

from pathlib import Path

from asterisk_example import example

from asterisk_conf.conf import modules_of, render, write


def test_without_them_no_module_and_no_folder_is_there(tmp_path: Path) -> None:
    conf = example(tmp_path)
    write(conf)
    files = render(conf)
    assert "enable = no" in files["cdr.conf"] and "accountcode" not in files["pjsip.conf"]
    assert "cdr_csv" not in dict(modules_of(conf)) and not (conf.asterisk / "log" / "cdr-csv").exists()


def test_with_them_a_call_is_counted_for_its_carrier(tmp_path: Path) -> None:
    conf = example(tmp_path, cdr=True)
    write(conf)
    files = render(conf)
    assert "enable = yes" in files["cdr.conf"] and "newcdrcolumns = yes" in files["cdr.conf"]
    assert "load = cdr_csv.so" in files["modules.conf"] and (conf.asterisk / "log" / "cdr-csv").is_dir()
    for carrier in conf.carriers:
        assert f"accountcode = {carrier.name}" in files["pjsip.conf"]
    assert "queue_log = no" in files["logger.conf"]  # ours has the fallback's calls as well
