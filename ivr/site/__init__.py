"""The site's files, which are the administrator's data, validated when they are loaded."""
