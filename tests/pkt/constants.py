# SPDX-License-Identifier: MIT
"""constants.py: the names that calls of scripts may use, with Linux's values."""
import errno
import fcntl
import os
import select
import socket
import termios

NAMES = {}
for module in (socket, select, fcntl, os, errno, termios):
    NAMES.update({name: int(getattr(module, name)) for name in dir(module)
                  if name.isupper() and isinstance(getattr(module, name), int)})
NAMES.update(
    SOL_TCP=6, SOL_IP=0, SOL_IPV6=41, SIOCINQ=0x541b, SIOCOUTQ=0x5411, SIOCOUTQNSD=0x894b, SIOCATMARK=0x8905, NULL=0,
    TCP_NODELAY=1, TCP_MAXSEG=2, TCP_CORK=3, TCP_KEEPIDLE=4, TCP_KEEPINTVL=5, TCP_KEEPCNT=6, TCP_SYNCNT=7,
    TCP_LINGER2=8, TCP_DEFER_ACCEPT=9, TCP_WINDOW_CLAMP=10, TCP_INFO=11, TCP_QUICKACK=12, TCP_CONGESTION=13,
    TCP_MD5SIG=14, TCP_THIN_LINEAR_TIMEOUTS=16, TCP_USER_TIMEOUT=18, TCP_REPAIR=19, TCP_FASTOPEN=23,
    TCP_FASTOPEN_KEY=33, TCP_FASTOPEN_NO_COOKIE=34, TCP_TIMESTAMP=24,
    TCP_NOTSENT_LOWAT=25, TCP_FASTOPEN_CONNECT=30, TCP_ULP=31, TCP_INQ=36, TCP_CM_INQ=36, TCP_TX_DELAY=37,
    SO_ZEROCOPY=60, SO_MAX_PACING_RATE=47, SO_INCOMING_CPU=49, SO_BUSY_POLL=46, SO_RCVBUFFORCE=33, SO_SNDBUFFORCE=32,
    MSG_ZEROCOPY=0x4000000, MSG_FASTOPEN=0x20000000, MSG_MORE=0x8000, MSG_EOR=0x80, MSG_ERRQUEUE=0x2000,
    MSG_PEEK=2, MSG_OOB=1, MSG_WAITALL=0x100, MSG_DONTWAIT=0x40, MSG_TRUNC=0x20, MSG_NOSIGNAL=0x4000, MSG_CTRUNC=8,
    SO_TIMESTAMPING=37, SCM_TIMESTAMPING=37, SO_MARK=36, ENOMSG=42, CMSG_LEVEL_IP=0, CMSG_TYPE_RECVERR=11,
    SOF_TIMESTAMPING_TX_SOFTWARE=2, SOF_TIMESTAMPING_SOFTWARE=16, SOF_TIMESTAMPING_OPT_ID=128,
    SOF_TIMESTAMPING_TX_SCHED=256, SOF_TIMESTAMPING_TX_ACK=512, SCM_TSTAMP_SND=0, SCM_TSTAMP_SCHED=1, SCM_TSTAMP_ACK=2,
    SO_EE_ORIGIN_TIMESTAMPING=4, SO_EE_ORIGIN_ZEROCOPY=5, SO_EE_CODE_ZEROCOPY_COPIED=1,
    IP_MTU_DISCOVER=10, IP_MTU=14, IP_RECVERR=11, IP_FREEBIND=15, IP_BIND_ADDRESS_NO_PORT=24, IP_TOS=1, IP_TTL=2,
    IP_PMTUDISC_DONT=0, IP_PMTUDISC_WANT=1, IP_PMTUDISC_DO=2, IP_PMTUDISC_PROBE=3,
    SPLICE_F_MOVE=1, SPLICE_F_NONBLOCK=2, SPLICE_F_MORE=4, EPOLLRDHUP=0x2000,
    EPOLL_CTL_ADD=1, EPOLL_CTL_DEL=2, EPOLL_CTL_MOD=3, EPOLLEXCLUSIVE=1 << 28,
    POLLRDHUP=0x2000, POLLIN=1, POLLPRI=2, POLLOUT=4, POLLERR=8, POLLHUP=16, POLLNVAL=32, POLLRDNORM=64,
    POLLRDBAND=128, POLLWRNORM=256, POLLWRBAND=512,
)

# struct tcp_info of Linux: name, offset, struct letter.
_INFO = [
    *((name, at, "B") for at, name in enumerate("state ca_state retransmits probes backoff options".split())),
    ("wscales", 6, "B"), ("rates", 7, "B"),
    *((name, 8 + 4 * at, "I") for at, name in enumerate(
        "rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent last_data_recv "
        "last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space "
        "total_retrans".split())),
    *((name, 104 + 8 * at, "Q") for at, name in enumerate(
        "pacing_rate max_pacing_rate bytes_acked bytes_received".split())),
    ("segs_out", 136, "I"), ("segs_in", 140, "I"), ("notsent_bytes", 144, "I"), ("min_rtt", 148, "I"),
    ("data_segs_in", 152, "I"), ("data_segs_out", 156, "I"), ("delivery_rate", 160, "Q"), ("busy_time", 168, "Q"),
    ("rwnd_limited", 176, "Q"), ("sndbuf_limited", 184, "Q"), ("delivered", 192, "I"), ("delivered_ce", 196, "I"),
    ("bytes_sent", 200, "Q"), ("bytes_retrans", 208, "Q"), ("dsack_dups", 216, "I"), ("reord_seen", 220, "I"),
    ("rcv_ooopack", 224, "I"), ("snd_wnd", 228, "I"), ("rcv_wnd", 232, "I"), ("rehash", 236, "I"),
    ("total_rto", 240, "H"), ("total_rto_recoveries", 242, "H"), ("total_rto_time", 244, "I"),
    ("received_ce", 248, "I"), ("delivered_e1_bytes", 252, "I"), ("delivered_e0_bytes", 256, "I"),
    ("delivered_ce_bytes", 260, "I"), ("received_e1_bytes", 264, "I"), ("received_e0_bytes", 268, "I"),
    ("received_ce_bytes", 272, "I"),
]
INFO = {"tcpi_" + name: (at, letter) for name, at, letter in _INFO}
INFO_BYTES = 280
INFO_NAMES = dict(
    TCP_ESTABLISHED=1, TCP_SYN_SENT=2, TCP_SYN_RECV=3, TCP_FIN_WAIT1=4, TCP_FIN_WAIT2=5, TCP_TIME_WAIT=6, TCP_CLOSE=7,
    TCP_CLOSE_WAIT=8, TCP_LAST_ACK=9, TCP_LISTEN=10, TCP_CLOSING=11,
    TCP_CA_Open=0, TCP_CA_Disorder=1, TCP_CA_CWR=2, TCP_CA_Recovery=3, TCP_CA_Loss=4,
    TCPI_OPT_TIMESTAMPS=1, TCPI_OPT_SACK=2, TCPI_OPT_WSCALE=4, TCPI_OPT_ECN=8, TCPI_OPT_ECN_SEEN=16,
    TCPI_OPT_SYN_DATA=32)
