"""`hatif monitor`: figures for Prometheus and health checks."""
