"""User area: users, sign-in, projects and who may see them. Knows no other app of ours."""
