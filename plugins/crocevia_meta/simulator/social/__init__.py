"""A strict Facebook Page and Instagram account of our own: the Graph API to the business, people to a test.

    with running_social(SocialSettings(app_secret=..., access_token=..., webhook=...)) as social:
        social.people.message("Anna", "Ciao!")
        social.people.comment("Anna", "Bellissima!")
        social.people.direct("anna_neri", "Avete la 54?")

or, as a process of its own, `python -m crocevia_meta.simulator.social --help`. What people do is told to one webhook,
as one app's subscription does: private messages, comments and Instagram together, several in one delivery.
"""

from crocevia_meta.simulator.social.people import People
from crocevia_meta.simulator.social.server import RunningSocial, running_social, serve
from crocevia_meta.simulator.social.settings import SocialSettings
from crocevia_meta.simulator.social.world import World

__all__ = ["People", "RunningSocial", "SocialSettings", "World", "running_social", "serve"]
