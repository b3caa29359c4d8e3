"""Query -> Result: spec, planner, sql, runner. The only readers of journal and rollups."""
