"""The command line. It is also where the parts are put together: only here may everything be imported."""
