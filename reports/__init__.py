"""Reports: their periods, groupings, figures and forms. The command and the desk show the same."""
