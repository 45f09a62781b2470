# A controller without mediasoup-plugin-host's library: puts a native plugin before all packets of a router and prints what it did.
# controller.py SOCKET TOKEN_FILE HOST_BINARY PLUGIN_FILE ROUTER_ID      (flatc --python shm/fbs/*.fbs gives the modules under Mph)
import os, socket, struct, subprocess, sys, time

import flatbuffers
from Mph.Control import (Attach, Body, ConnectWorker, Envelope, GetStats, Hello, IssueHostToken, LoadPlugin, Mode, Policy,
                         ProtocolVersion, Role, Stats)
from Mph.Layout import LayoutVersion

worker_path, token_file, host_binary, plugin_file, router_id = sys.argv[1:]

def send(peer, number, table, **fields):  # one frame: its length, then an Envelope with the message in it
    builder = flatbuffers.Builder(256)
    values = {name: builder.CreateString(value) if isinstance(value, str) else value for name, value in fields.items()}
    getattr(table, f'{table.__name__.split(".")[-1]}Start')(builder)
    for name, value in values.items():
        getattr(table, f'{table.__name__.split(".")[-1]}Add{name}')(builder, value)
    body = getattr(table, f'{table.__name__.split(".")[-1]}End')(builder)
    Envelope.EnvelopeStart(builder)
    Envelope.EnvelopeAddId(builder, number)
    Envelope.EnvelopeAddBodyType(builder, getattr(Body.Body, table.__name__.split('.')[-1]))
    Envelope.EnvelopeAddBody(builder, body)
    builder.Finish(Envelope.EnvelopeEnd(builder), file_identifier=b'MPHC')
    peer.sendall(struct.pack('<I', len(builder.Output())) + builder.Output())

def answer(peer, number):  # what comes unasked has the number 0
    while True:
        length = struct.unpack('<I', peer.recv(4, socket.MSG_WAITALL))[0]
        envelope = Envelope.Envelope.GetRootAs(peer.recv(length, socket.MSG_WAITALL))
        if envelope.Id() == number:
            return envelope.BodyType(), envelope.Body()

def ask(peer, number, table, **fields):
    send(peer, number, table, **fields)
    kind, body = answer(peer, number)
    if kind == Body.Body.Failure:
        sys.exit(f'{table.__name__} was refused')
    return body

worker = socket.socket(socket.AF_UNIX)
worker.connect(worker_path)
ask(worker, 1, Hello, ProtocolVersion=ProtocolVersion.ProtocolVersion.Current, LayoutVersion=LayoutVersion.LayoutVersion.Current,
    Role=Role.Role.Controller, Token=open(token_file).read().strip(), Pid=os.getpid())

ours, theirs = socket.socketpair()
subprocess.Popen([host_binary], close_fds=False, preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
theirs.close()
ask(ours, 1, LoadPlugin, PluginId='python', File=plugin_file, Config='{}')
ask(worker, 2, IssueHostToken, PluginId='python', Token='a secret of our own')
ask(ours, 2, ConnectWorker, WorkerPid=int(os.path.basename(worker_path).split('.')[0]), SocketPath=worker_path, Token='a secret of our own')
ask(worker, 3, Attach, AttachmentId='all', PluginId='python', RouterId=router_id, Audio=True, Video=True, Mode=Mode.Mode.Filter,
    DeadlineUs=10_000, OnTimeout=Policy.Policy.Accept, OnAbsent=Policy.Policy.Accept, OnOverflow=Policy.Policy.Accept, Context='{}')

for number in range(4, 1_000_000):
    body = ask(worker, number, GetStats)
    stats = Stats.Stats()
    stats.Init(body.Bytes, body.Pos)
    print(f'accepted {stats.Attachments(0).Accepted()}, dropped {stats.Attachments(0).Dropped()}', flush=True)
    time.sleep(0.1)
