/* SPDX-License-Identifier: Apache-2.0 */
/* fake_server: one node that is a whole cluster, in a thread, on the loopback, with scripted
 * misbehaviour.
 *
 * It keeps a small map, executes each id once, and treats requests for partition 1 as the script
 * says, one letter each. Of a message to several partitions only one answers, as in footprint.h:
 *   x execute and answer (also when the script is at its end)   d drop unseen   e execute, lose the
 *   answer n not leader   b busy   s session unknown   g answer garbage   a answer twice */
#ifndef KV_TESTS_FAKE_SERVER_H
#define KV_TESTS_FAKE_SERVER_H

#include <stdint.h>

struct fake_server;

/* On this endpoint ("tcp://127.0.0.1:*": any port), with one partition, or so many. */
struct fake_server *fake_server_start(const char *endpoint);
struct fake_server *fake_server_start_with(const char *endpoint, uint32_t partitions);
void fake_server_stop(struct fake_server **server);

/* "tcp://127.0.0.1:port", and the same as kv_client_open wants it. */
const char *fake_server_endpoint(const struct fake_server *server);
const char *fake_server_address(const struct fake_server *server);

void fake_server_script(struct fake_server *server, const char *script);

/* How questions of watches are answered, one letter each; at the end of the script, not at all:
 *   c two changes of "k"   n none, but five indexes further   g nothing is known before 100 further   l later   h not here   d drop
 *   s an answer to another question, and then c   o changes that were asked for before   f two changes, of three that there are */
void fake_server_watch(struct fake_server *server, const char *script);

/* How the oracle treats LOCK, UNLOCK and KEEPALIVE, one letter each: x answers, also at the end of the script; d drops; l lost. A
 * script "*d" drops all of them. */
void fake_server_locks(struct fake_server *server, const char *script);
/* No group is ready for a backup before all of them have been asked. */

struct fake_counts {
    uint32_t frames, requests, executed, opened, ended, transfers, renewals;
};
struct fake_counts fake_server_counts(struct fake_server *server);

#endif
