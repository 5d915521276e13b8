"""The measured announcements, by the ids of the example site's catalogues: a fixed list, so that figures compare."""

TYPICAL = (
    "institution",
    "main_file",
    "main_documents",
    "documents_civil",
    "closed_holiday",
    "help_silence",
    "to_operator",
    "wait",
    "wait_about_5",
    "case_ask_reference",
    "case_state_incomplete",
    "guide_passport_where",
)
"""The announcements that most callers hear: short and long, menus and sentences. Voices are tuned on these."""

HELD_OUT = (
    "documents_travel",
    "main_complaint",
    "documents_papers",
    "operator_gone",
    "fallback_nobody",
    "case_no_match",
    "missing_birth_record",
    "record_thanks",
    "callback_noted",
    "goodbye",
    "guide_registration_documents_1",
    "guide_certificates_where",
)
"""Held out: nothing may be tuned on them."""
