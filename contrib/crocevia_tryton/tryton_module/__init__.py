"""The Tryton module `crocevia`: what Tryton's party module lacks to take part in a synchronisation.

It runs inside trytond, never inside Crocevia: install the `crocevia` distribution (with `trytond-party`) beside
trytond, then `trytond-admin -d DATABASE -u crocevia --activate-dependencies`. trytond finds it by the entry point
`crocevia = crocevia_tryton.tryton_module` of the group `trytond.modules` and registers what `tryton.cfg` names.

Three things are added: a key and a revision on parties, the model `crocevia.interaction` with a unique key, and
`crocevia.deletion`, the ids of what was deleted, which Tryton keeps nowhere that a poll could read.
"""
