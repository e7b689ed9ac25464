"""Alert rules and the dashboard on real Prometheus processes."""
