"""A real RTSP server, GStreamer's, on loopback: run by the system's python3, which has its bindings.

Arguments: port, file (H.264 in mp4), and `user:password` where it asks for one. Says `ready` when it listens.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - after the versions are required

Gst.init(None)
port, file, *login = sys.argv[1:]
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(f'( filesrc location="{file}" ! qtdemux ! h264parse ! rtph264pay name=pay0 config-interval=1 )')
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
if login:
    user, password = login[0].split(":")
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    factory.add_role_from_structure(
        Gst.Structure.new_from_string("user, media.factory.access=true, media.factory.construct=true")
    )
server.get_mount_points().add_factory("/door", factory)
server.attach(None)
print("ready", flush=True)  # noqa: T201 - it is read by who started it
GLib.MainLoop().run()
