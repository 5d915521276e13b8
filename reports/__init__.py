"""What a report is: its period and groupings, the figures, and its forms. The command and the desk show the same."""
