"""Mails of the shop."""
