"""Every mutation."""

from tests.mutations.incoming import INCOMING
from tests.mutations.judged import JUDGED
from tests.mutations.outgoing import OUTGOING

MUTATIONS = (*INCOMING, *OUTGOING, *JUDGED)
