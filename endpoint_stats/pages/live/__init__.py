"""The page of the last minutes: computed once every two seconds however many look at it (docs/pages.md)."""
