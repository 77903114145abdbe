"""The experiments of the report, made repeatable: loads, policies, figures, verdicts."""
