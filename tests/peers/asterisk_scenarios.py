"""How the exchange is set up, and what its telephones do."""

CONFIGURATION = {
    "asterisk.conf": """[directories](!)
[directories]
astetcdir => /srv/etc
astvarlibdir => /var/lib/asterisk
astdbdir => /srv/db
astkeydir => /srv/keys
astdatadir => /usr/share/asterisk
astspooldir => /srv/spool
astrundir => /srv/run
astlogdir => /srv/log
""",
    "manager.conf": """[general]
enabled=yes
webenabled=no
port=@ami@
bindaddr=127.0.0.1
[crocevia]
secret=s3cret
read=call,agent,cdr,dialplan
write=originate,reporting
deny=0.0.0.0/0.0.0.0
permit=127.0.0.1/255.255.255.255
[admin]
secret=admin s3cret
read=all
write=all
deny=0.0.0.0/0.0.0.0
permit=127.0.0.1/255.255.255.255
""",
    "ari.conf": """[general]
enabled=yes
[crocevia]
type=user
read_only=no
password=ari s3cret
""",
    "http.conf": """[general]
enabled=yes
bindaddr=127.0.0.1
bindport=@ari@
""",
    "cdr.conf": """[general]
enable=yes
[csv]
usegmtime=yes
loguniqueid=yes
loguserfield=yes
newcdrcolumns=yes
""",
    "cdr_manager.conf": """[general]
enabled=yes
""",
    "queues.conf": """[general]
[sales]
strategy=ringall
timeout=5
member => PJSIP/201,0,Luca
""",
    "features.conf": """[general]
transferdigittimeout=1
[featuremap]
atxfer => *2
""",
    "logger.conf": """[general]
[logfiles]
messages => notice,warning,error
""",
    "rtp.conf": """[general]
rtpstart=21000
rtpend=21200
""",
    "modules.conf": """[modules]
autoload=yes
noload => chan_iax2.so
noload => chan_sip.so
noload => chan_unistim.so
noload => chan_mgcp.so
noload => chan_skinny.so
noload => chan_ooh323.so
noload => chan_motif.so
noload => chan_dahdi.so
noload => chan_mobile.so
noload => pbx_dundi.so
noload => res_stun_monitor.so
noload => res_snmp.so
noload => res_xmpp.so
noload => res_config_ldap.so
noload => res_config_pgsql.so
noload => cdr_pgsql.so
noload => cel_pgsql.so
noload => app_voicemail_imap.so
noload => app_voicemail_odbc.so
noload => res_resolver_unbound.so
noload => res_corosync.so
noload => chan_rtp.so
""",
    "extensions.conf": """[general]
static=yes
writeprotect=yes
[from-trunk]
exten => +39051000001,1,Dial(PJSIP/201,20,t)
exten => +39051000002,1,Dial(PJSIP/busy,20)
exten => +39051000003,1,Dial(PJSIP/silent,2)
exten => +39051000004,1,Answer()
 same => n,Queue(sales,,,,10)
exten => +39051000005,1,MixMonitor(/srv/spool/call-${UNIQUEID}.wav)
 same => n,Dial(PJSIP/201,20)
exten => +39051000006,1,Dial(PJSIP/silent,20)
[from-internal]
exten => _2XX,1,Dial(PJSIP/${EXTEN},20)
exten => 2,1,Dial(PJSIP/202,20)
exten => _0.,1,Dial(PJSIP/${EXTEN:1}@trunk,20)
""",
    "pjsip.conf": """[global]
type=global
endpoint_identifier_order=header,username
[udp]
type=transport
protocol=udp
bind=127.0.0.1:@sip@
[device](!)
type=endpoint
transport=udp
context=from-internal
disallow=all
allow=ulaw
direct_media=no
media_address=127.0.0.1
bind_rtp_to_media_address=yes
[address](!)
type=aor
[trunk](device)
context=from-trunk
aors=trunk
trust_id_inbound=yes
[trunk](address)
contact=sip:customer@127.0.0.1:@customer@
[trunk]
type=identify
endpoint=trunk
match_header=X-Who: trunk
[201](device)
aors=201
callerid=Luca <201>
[201](address)
contact=sip:201@127.0.0.1:@201@
[201]
type=identify
endpoint=201
match_header=X-Who: 201
[202](device)
aors=202
callerid=Mara <202>
[202](address)
contact=sip:202@127.0.0.1:@202@
[busy](device)
aors=busy
[busy](address)
contact=sip:busy@127.0.0.1:@busy@
[silent](device)
aors=silent
[silent](address)
contact=sip:silent@127.0.0.1:@silent@
""",
}

_HEAD = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="@">\n'
_SDP = """v=0
o=- 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""


def _answer(status: str, *, sdp: str = "", tag: bool = True) -> str:
    """An answer to the last request."""
    to = "[last_To:];tag=[call_number]" if tag else "[last_To:]"
    kind = "Content-Type: application/sdp\n" if sdp else ""
    return f"""<send><![CDATA[
SIP/2.0 {status}
[last_Via:]
[last_From:]
{to}
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
{kind}Content-Length: [len]

{sdp}]]></send>
"""


def _request(method: str, cseq: int, *, sdp: str = "", tagged: bool = True, branch: str = "") -> str:
    """A request of who calls. Its branch is its own, as sipp's, made of its pid, is not: each has a pid of 3."""
    to = "[service] <sip:[service]@[remote_ip]:[remote_port]>" + ("[peer_tag_param]" if tagged else "")
    kind = "Content-Type: application/sdp\n" if sdp else ""
    verb = "ACK" if method == "ACK" else method
    return f"""<send{' retrans="500"' if method in ("INVITE", "BYE", "CANCEL") else ""}><![CDATA[
{verb} sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[local_port]-{branch or f"{method}-{cseq}"}
From: "Anna Neri" <sip:[number]@[local_ip]:[local_port]>;tag=[call_number]
To: {to}
Call-ID: [call_id]
CSeq: {cseq} {method}
Contact: <sip:[number]@[local_ip]:[local_port]>
Max-Forwards: 70
X-Who: [who]
{kind}Content-Length: [len]

{sdp}]]></send>
"""


_RINGS = '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
_PROGRESS = '<recv response="183" optional="true"/>\n'
_TAKEN = _RINGS + _PROGRESS + '<recv response="200" rtd="true"/>\n'
_ENDED = '<recv request="BYE" crlf="true"/>\n' + _answer("200 OK", tag=False)
_CALLS = _request("INVITE", 1, sdp=_SDP, tagged=False) + _TAKEN + _request("ACK", 1)
_HANGS_UP = _request("BYE", 9) + '<recv response="200"/>\n'
_HOLD = _SDP + "a=sendonly\n"

SCENARIOS = {
    name: _HEAD.replace("@", name) + steps + "</scenario>\n"
    for name, steps in {
        # a telephone that rings a second, answers, and waits until the other end hangs up
        "answers": '<recv request="INVITE"/>\n'
        + _answer("180 Ringing")
        + '<pause milliseconds="1000"/>\n'
        + _answer("200 OK", sdp=_SDP)
        + '<recv request="ACK"/>\n'
        + _ENDED,
        "busy": '<recv request="INVITE"/>\n' + _answer("486 Busy Here") + '<recv request="ACK"/>\n',
        "silent": '<recv request="INVITE"/>\n'
        + _answer("180 Ringing")
        + '<recv request="CANCEL"/>\n'
        + _answer("200 OK")
        + _answer("487 Request Terminated").replace("[last_CSeq:]", "CSeq: [last_cseq_number] INVITE")
        + '<recv request="ACK" optional="true"/>\n',
        # somebody who calls, talks as long as he wants, and hangs up
        "caller": _CALLS + "<pause/>\n" + _HANGS_UP,
        # who calls and waits until he is hung up on
        "stays": _CALLS + _ENDED,
        "refused": _request("INVITE", 1, sdp=_SDP, tagged=False)
        + _RINGS
        + _PROGRESS
        + '<recv response="486" optional="true" next="1"/>\n<recv response="480" optional="true" next="1"/>\n'
        + '<recv response="503" next="1"/>\n<label id="1"/>\n'
        + _request("ACK", 1, branch="INVITE-1"),
        # who calls and gives up while it rings
        "gives_up": _request("INVITE", 1, sdp=_SDP, tagged=False)
        + '<recv response="100" optional="true"/>\n<recv response="180"/>\n<pause/>\n'
        + _request("CANCEL", 1, tagged=False, branch="INVITE-1")
        + '<recv response="200"/>\n<recv response="487"/>\n'
        + _request("ACK", 1, branch="INVITE-1"),
        # who puts the other on hold for as long as he waited before
        "holds": _CALLS
        + '<pause milliseconds="500"/>\n'
        + _request("INVITE", 2, sdp=_HOLD)
        + _TAKEN
        + _request("ACK", 2)
        + '<pause milliseconds="2000"/>\n'
        + _request("INVITE", 3, sdp=_SDP)
        + _TAKEN
        + _request("ACK", 3)
        + '<pause milliseconds="500"/>\n'
        + _HANGS_UP,
    }.items()
}
