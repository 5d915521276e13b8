"""Records for the journal, database reads with a time limit, case references, voicemail."""
