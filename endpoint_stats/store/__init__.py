"""Delta -> database: the only writers of journal and rollups. Never imported by api, pages, alerts or files."""
