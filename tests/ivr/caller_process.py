"""A caller as a process of its own, which a test can stop or kill: it calls, presses keys, and stays.

python caller_process.py CALLER URI KEYS
"""

import asyncio
import sys

from ivr.softphone.telephone import Telephones


async def main(caller: str, uri: str, keys: str) -> None:
    async with Telephones() as telephones:
        call = await telephones.caller(caller).dial(uri)
        await call.established()
        await call.press(keys)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3]))
