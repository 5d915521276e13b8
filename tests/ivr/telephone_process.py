"""An operator's telephone as a process of its own, which a test can kill: it registers, says so, and serves calls.

    python telephone_process.py USER PASSWORD SERVER HOST:PORT TONE_HZ

TONE_HZ 0: it rings until it is killed. SIGTERM: it says goodbye.
"""

import asyncio
import signal
import sys

from ivr.softphone.telephone import Telephones


async def main(user: str, password: str, server: str, address: str, tone_hz: float) -> None:
    async with Telephones() as telephones:
        phone = telephones.operator(user, password, server, address=address)
        if tone_hz:
            phone.will_answer(tone_hz=tone_hz)
        await phone.register()
        sys.stdout.write("registered\n")
        sys.stdout.flush()
        ends = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ends.set)
        await ends.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5])))
