"""Compiled operations: graphql-core's meaning at the speed of generated Python. See DESIGN.md."""
