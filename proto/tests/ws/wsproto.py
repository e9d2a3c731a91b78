"""What wsproto makes of streams: one a line comes in, "client" or "server" and the bytes in hex.

Tells one event a line, "refused" with the code of the close that it asks for, and "end".
"""

import sys

from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

CONTROL = {Opcode.PING: "ping", Opcode.PONG: "pong"}


def read(role, stream):
    protocol = FrameProtocol(client=role == "client", extensions=[])
    protocol.receive_bytes(stream)
    kind, message = None, b""
    for frame in protocol.received_frames():
        payload = frame.payload
        if frame.opcode is Opcode.CLOSE:
            code, reason = payload
            yield "close", int(code), reason.encode().hex()
        elif frame.opcode in CONTROL:
            yield CONTROL[frame.opcode], payload.hex()
        else:
            kind = kind or ("text" if frame.opcode is Opcode.TEXT else "binary")
            message += payload.encode() if isinstance(payload, str) else bytes(payload)
            if frame.message_finished:
                yield kind, message.hex()
                kind, message = None, b""


for line in sys.stdin:
    role, stream = line.rstrip("\n").split(" ")
    try:
        for event in read(role, bytes.fromhex(stream)):
            print(*event)
    except ParseFailed as refused:
        print("refused", int(refused.code))
    print("end", flush=True)
