"""Imported by the fork server only, before all else: interrupts are left to its parent, and it ends at once with that.

Of itself it would see only after all of its imports that its parent is gone, and hold its output open until then.
"""

import ctypes
import gc
import signal

PR_SET_PDEATHSIG = 1  # of linux/prctl.h

gc.disable()  # imports leave next to no garbage to look for; a worker enables it
signal.signal(signal.SIGINT, signal.SIG_IGN)
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
