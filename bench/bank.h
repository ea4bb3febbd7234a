/* SPDX-License-Identifier: Apache-2.0 */
/* bank: money that moves between accounts on all partitions, while accounts move between partitions.
 *
 * 1. Accounts begin with BANK_BALANCE each. A transfer takes from one account, if it has enough, and gives to another, in one
 *    transaction. An audit reads all accounts in one command. In the background accounts are moved to random partitions.
 * 2. An account is one decimal number, balance * BANK_UNIT + version: each transfer adds 1 to the version of both accounts. So one
 *    addition changes both, and every answer tells where it stands among all that was done to the account.
 * 3. Every answer is written into a ledger (bank_ledger.h), which is checked at the end: the total of every audit, the chain of
 *    versions of each account, and whether one order of everything agrees with all of it and with real time.
 *
 * Closed loop in one thread, with one kv_client. */
#ifndef KV_BENCH_BANK_H
#define KV_BENCH_BANK_H

#include <signal.h>

#include "bench/bank_ledger.h"
#include "bench/options.h"
#include "bench/run.h"
#include "bench/series.h"

/* X(NAME, "name", short or 0, "ARGUMENT" or NULL, "text") */
#define BANK_OPTION_MAP(X)                                                                         \
    X(ACCOUNTS, "accounts", 'a', "N", "accounts; default: 64, at most 1000")                       \
    X(SECONDS, "seconds", 's', "S", "length of the run; default: 10")                              \
    X(CLIENTS, "clients", 'c', "N",                                                                \
      "virtual clients, each with one operation in flight; default: 16")                           \
    X(AUDITS, "audits", 0, "PERCENT", "audits among the operations; default: 5")                   \
    X(MOVES, "moves", 0, "N", "accounts that are moved each second; default: 10")                  \
    X(POLICY, "policy", 0, "NAME", "of transfers: exchange (default), move or borrow")             \
    X(PAIRS, "pairs", 0, NULL, "each client transfers between two accounts of its own only")       \
    X(PREFIX, "prefix", 0, "TEXT", "of the accounts' keys; default: account:")                     \
    X(SEED, "seed", 0, "N", "of all random choices; default: 1")                                   \
    X(TIMEOUT, "timeout", 0, "TIME", "longest wait for one operation; default: 5s")                \
    X(HISTORY, "history", 0, "FILE", "write every operation as a line of JSON")                    \
    X(ENDPOINTS, "endpoints", 0, "HOST:PORT,...", "nodes of the cluster; default: $KV_ENDPOINTS")  \
    X(CLUSTER, "cluster", 0, "PATH", "cluster file or its directory; default: $KV_CLUSTER")        \
    X(OUTPUT, "output", 'o', "FORMAT", "plain (default) or json")                                  \
    X(PROGRESS, "progress", 0, NULL, "a line per second on stderr")                                \
    X(HELP, "help", 'h', NULL, "print this help")

#define BANK_ACCOUNTS_MAX     1000 /* an audit is one command: KV_COMMAND_KEYS_MAX keys */
#define BANK_CLIENTS_MAX      1000

#define BANK_PREFIX_BYTES_MAX 40

struct bank_settings {
    uint32_t accounts;
    uint64_t seconds;
    uint32_t clients;
    uint32_t audits_percent;
    uint32_t moves_per_second;
    kv_policy policy;
    bool pairs;
    const char *prefix; /* at most BANK_PREFIX_BYTES_MAX */
    uint64_t seed;
    uint64_t timeout_ms;
    const char *history; /* borrowed from argv; NULL: none */
    const char *endpoints;
    const char *cluster;
    bool json;
    bool progress;
};

struct bank_result {
    struct bench_series transfers, audits;
    uint64_t moves, moved, move_failures;
    uint64_t refused;            /* transfers of accounts that had not enough */
    uint64_t partitions_touched; /* by transfers, added up */
    uint64_t oracle_transfers;   /* in which the oracle took part */
    uint64_t runtime_us;
    uint64_t messages, syncs; /* of all nodes; 0: a node did not answer or has restarted */
    struct bank_verdict verdict;
    char stats[2048]; /* of the library, as JSON */
};

/* Parse a command line behind "bank". False: *error says why; `help` asks for bank_options_help. */
bool bank_options_parse(int argc, char *const *argv, struct bank_settings *ret, bool *help,
                        char error[BENCH_ERROR_BYTES]);
void bank_options_help(FILE *out);

/* Do it. Exit statuses of kvbench; BENCH_END_FAILURES: the ledger is wrong. */
enum bench_end bank_run(const struct bank_settings *settings, const char *endpoints,
                        const char *cluster, const volatile sig_atomic_t *interrupt,
                        struct bank_result *ret, char error[BENCH_RUN_ERROR_BYTES]);

void bank_report(FILE *out, const struct bank_settings *settings, const struct bank_result *result);

#endif
