/* SPDX-License-Identifier: Apache-2.0 */
/* limits: every bound that is part of the protocol or of what users see, with its reason.
 *
 * They are enforced before ordering, never at execution, and told to clients in the handshake. A bound that only
 * one file needs stands at the top of that file. */
#ifndef KV_BASE_LIMITS_H
#define KV_BASE_LIMITS_H

/* Groups of one cluster, the oracle included: a set of groups is one 64-bit word in every message. */
#define KV_GROUPS_MAX 64

/* Nodes of one cluster: enough for 64 groups of three on distinct nodes, and node tables stay flat arrays. */
#define KV_NODES_MAX 192

/* Members of one group, learners included: 7 voters survive 3 crashes; two more may be catching up. */
#define KV_MEMBERS_MAX 9

/* Bytes of a key, at least 1: LMDB keys end at 511 bytes and records need room for a prefix. */
#define KV_KEY_BYTES_MAX 480

/* Bytes of a value: two copies of the largest command still fit one frame and one log batch. */
#define KV_VALUE_BYTES_MAX (1024 * 1024)

/* Keys of one command: bounds the time one command may hold the ordering thread (about 1 ms). */
#define KV_COMMAND_KEYS_MAX 1024

/* Guards and steps of one TXN: as many as it may have keys, for the same reason. */
#define KV_TXN_STEPS_MAX 1024

/* Bytes of a command or an answer body: the largest value, its key and room for headers, or many small ones. */
#define KV_BODY_BYTES_MAX (4 * 1024 * 1024)

/* Bytes of one frame on the network: one largest body and its neighbours in a batch. Set as ZMQ_MAXMSGSIZE. */
#define KV_FRAME_BYTES_MAX (8 * 1024 * 1024)

/* Bytes of values and rows that one group tells others about one message: they become the body of a log entry there, beside
 * verdicts and places of up to KV_COMMAND_KEYS_MAX keys. Bounds what an answer from several partitions, and what one moves. */
#define KV_SIGNAL_BYTES_MAX (3 * 1024 * 1024)

/* Entries and body bytes of one append message: large enough to fill a sync, small enough not to delay a heartbeat. */
#define KV_APPEND_ENTRIES_MAX 1024
#define KV_APPEND_BYTES_MAX   (1024 * 1024)

/* Append messages in flight to one follower before an answer is awaited: covers a 10 ms link at full rate. */
#define KV_APPEND_INFLIGHT_MAX 64

/* Bytes of one chunk of a snapshot: small against KV_FRAME_BYTES_MAX, so that heartbeats pass between chunks. */
#define KV_SNAPSHOT_CHUNK_BYTES_MAX (256 * 1024)

/* Entries that a leader holds uncommitted before it answers BUSY: bounds memory and the time of a hand-over. */
#define KV_UNCOMMITTED_ENTRIES_MAX 65536
#define KV_UNCOMMITTED_BYTES_MAX   (64 * 1024 * 1024)

/* Threads of a node that compute: more than the cores of a large machine are of no use. */
#define KV_WORKERS_MAX 64

/* Sessions known at one group; beyond it the least recently used one is ended. A record is about 200 bytes. */
#define KV_SESSIONS_MAX 65536

/* Longest time that a lock lasts without being renewed: a day. */
#define KV_LOCK_TTL_MS_MAX 86400000

/* Longest ttl of a key: what 32 bits of milliseconds hold, 49 days. */
#define KV_KEY_TTL_MS_MAX UINT32_MAX

/* Commands of one session that are not yet covered by its floor: what a replica must remember for it. */
#define KV_SESSION_OUTSTANDING_MAX 1024

/* Bytes of remembered answers of one session; beyond it the oldest lose their body, and a resend of one of those is
 * refused. Large answers are those of ordered reads; a write's answer has at most KV_ANSWER_VALUE_BYTES_MAX. */
#define KV_SESSION_RECORD_BYTES_MAX (16 * 1024 * 1024)

/* Bytes of a present value that EXISTS and MISMATCH answers carry along; a longer one is left out. */
#define KV_ANSWER_VALUE_BYTES_MAX (4 * 1024)

/* Rows and body bytes of one page of a scan; the client asks for the next page. */
#define KV_SCAN_ROWS_MAX  1000
#define KV_SCAN_BYTES_MAX (1024 * 1024)

/* Buckets of the hash space: 64 partitions differ by at most 2 % in their share. */
#define KV_BUCKETS 4096

_Static_assert(KV_BODY_BYTES_MAX >= 2 * KV_VALUE_BYTES_MAX + 2 * KV_KEY_BYTES_MAX,
               "a cas carries two values");
_Static_assert(KV_FRAME_BYTES_MAX >= KV_BODY_BYTES_MAX + KV_APPEND_BYTES_MAX,
               "a frame carries any body");
_Static_assert(KV_GROUPS_MAX <= 64, "a group set is one 64-bit word");
_Static_assert(KV_BUCKETS % 64 == 0, "the bucket map is stored in words");

#endif
