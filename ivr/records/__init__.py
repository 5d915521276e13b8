"""What is kept: records for the journal, reads with a time limit, references, voicemail."""
