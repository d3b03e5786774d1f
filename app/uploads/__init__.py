"""Uploads: files that come in pieces, and are resumed where they broke off."""
