"""Every mutation."""

from tests.mutations.flowing import FLOWING
from tests.mutations.incoming import INCOMING
from tests.mutations.judged import JUDGED
from tests.mutations.outgoing import OUTGOING
from tests.mutations.people import PEOPLE
from tests.mutations.roads import ROADS
from tests.mutations.shops_and_phones import SHOPS_AND_PHONES

MUTATIONS = (*INCOMING, *OUTGOING, *FLOWING, *JUDGED, *PEOPLE, *ROADS, *SHOPS_AND_PHONES)
