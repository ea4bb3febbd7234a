/* SPDX-License-Identifier: Apache-2.0 */
/* service: applications on the store whose every answer is checked: what they have in common.
 *
 * An application is a table of functions: what its virtual clients ask, what the answers have to be, and what has to be true in the end. The
 * loop, the options, the schedule of faults and the report are the same for all. Closed loop in one thread, with one kv_client. */
#ifndef KV_BENCH_SERVICE_H
#define KV_BENCH_SERVICE_H

#include "bench/options.h"
#include "bench/run.h"
#include "bench/series.h"
#include "multicast/base/prng.h"

/* X(NAME, "name", short or 0, "ARGUMENT" or NULL, applications, "text") applications: COUNTER, CHIRPER or both */
#define SERVICE_OPTION_MAP(X)                                                                      \
    X(COUNTERS, "counters", 0, "N", COUNTER, "counters; default: 64, at most 1000")                \
    X(USERS, "users", 'u', "N", CHIRPER, "users; default: 1000, at most 20000")                    \
    X(FOLLOWS, "follows", 0, "N", CHIRPER, "users that each one follows at first; default: 8")     \
    X(LOCALITY, "locality", 'l', "PERCENT", CHIRPER,                                               \
      "of the users that one follows are in the same partition; default: 90")                      \
    X(MULTI, "multi", 'm', "PERCENT", COUNTER,                                                     \
      "of the operations count two counters in one transaction; default: 10")                      \
    X(SECONDS, "seconds", 's', "S", BOTH, "length of the run; default: 10")                        \
    X(CLIENTS, "clients", 'c', "N", BOTH,                                                          \
      "virtual clients, each with one operation in flight; default: 16")                           \
    X(AT, "at", 0, "TIME WHAT NODE", BOTH,                                                         \
      "a fault at a node of the local cluster, as in --at 10s kill 1; may be repeated")            \
    X(POLICY, "policy", 0, "NAME", BOTH, "of transactions: exchange (default), move or borrow")    \
    X(PREFIX, "prefix", 0, "TEXT", BOTH, "of the keys; default: counter: or chirper:")             \
    X(SEED, "seed", 0, "N", BOTH, "of all random choices; default: 1")                             \
    X(TIMEOUT, "timeout", 0, "TIME", BOTH, "longest wait for one operation; default: 5s")          \
    X(ENDPOINTS, "endpoints", 0, "HOST:PORT,...", BOTH,                                            \
      "nodes of the cluster; default: $KV_ENDPOINTS")                                              \
    X(CLUSTER, "cluster", 0, "PATH", BOTH, "cluster file or its directory; default: $KV_CLUSTER")  \
    X(OUTPUT, "output", 'o', "FORMAT", BOTH, "plain (default) or json")                            \
    X(PROGRESS, "progress", 0, NULL, BOTH, "a line per second on stderr")                          \
    X(HELP, "help", 'h', NULL, BOTH, "print this help")

enum service_kind {
    SERVICE_COUNTER = 1,
    SERVICE_CHIRPER = 2,
};

#define SERVICE_COUNTERS_MAX     1000 /* all of them are read by one command at the end */
#define SERVICE_USERS_MAX        20000
#define SERVICE_FOLLOWS_MAX      100
#define SERVICE_CLIENTS_MAX      1000
#define SERVICE_PREFIX_BYTES_MAX 40

struct service_settings {
    enum service_kind kind;
    uint32_t counters;
    uint32_t users, follows;
    double locality_percent;
    double multi_percent;
    uint64_t seconds;
    uint32_t clients;
    struct bench_fault faults[BENCH_FAULTS_MAX]; /* by time */
    uint32_t fault_count;
    const char *kvctl;     /* set by main */
    const char *directory; /* of the local cluster, for it; set by main; NULL: it finds it */
    kv_policy policy;
    const char *prefix;
    uint64_t seed;
    uint64_t timeout_ms;
    const char *endpoints; /* borrowed from argv */
    const char *cluster;
    bool json;
    bool progress;
};

/* Parse a command line behind the application's name. False: *error says why; `help` asks for service_options_help. */
bool service_options_parse(enum service_kind kind, int argc, char *const *argv,
                           struct service_settings *ret, bool *help, char error[BENCH_ERROR_BYTES]);
void service_options_help(enum service_kind kind, FILE *out);

/* Kinds of operations of one application. */
#define SERVICE_OPS_MAX       6

#define SERVICE_VERDICT_BYTES 256

struct service_result {
    const char *const *op_names; /* NULL behind the last */
    struct bench_series series[SERVICE_OPS_MAX];
    uint64_t partitions[SERVICE_OPS_MAX]; /* that operations were on, added up */
    struct bench_timeline timeline;
    uint64_t runtime_us;
    struct bench_fault_result faults[BENCH_FAULTS_MAX];
    uint64_t in_doubt; /* operations whose outcome nobody was told */
    bool wrong;
    char verdict[SERVICE_VERDICT_BYTES];
    char stats[2048]; /* of the library, as JSON */
};

struct service;

/* A virtual client. */
struct service_player {
    struct service *service;
    uint32_t number;
    uint32_t op; /* which of op_names */
    bool busy;
    uint64_t begun_us;
};

struct service {
    const struct service_settings *settings;
    const struct service_application *application;
    void *data; /* the application's */
    kv_client *client;
    struct kv_prng prng;
    uint32_t partitions;
    struct service_result *result;
    struct service_player *players;
    uint64_t begun_us;
};

struct service_application {
    const char *const *op_names;

    /* Make the keys. KV_OK, or why they cannot be made. Blocks. */
    kv_status (*open)(struct service *service);
    void (*close)(struct service *service);

    /* Choose an operation, set player->op and submit it with service_on_done and the player. */
    kv_status (*begin)(struct service_player *player);

    /* What an answer is worth; the verdict is set if it cannot be true. result is NULL without an answer. */
    enum bench_outcome (*judge)(struct service_player *player, kv_status status, kv_result *result);

    /* In the end: read what is there, and set the verdict. KV_OK, or why it cannot be read. Blocks. */
    kv_status (*finish)(struct service *service);
};

extern const struct service_application service_counter;
extern const struct service_application service_chirper;

void service_on_done(void *context, kv_status status, kv_result *result);

/* Something cannot be true. The first text stays. */
__attribute__((format(printf, 2, 3))) void service_complain(struct service *service,
                                                            const char *format, ...);

/* Read or write again until it has an answer that is KV_OK or KV_NOT_FOUND, for a minute. */
kv_status service_insist(struct service *service, const kv_op *op, kv_result **ret);

/* Do it. Exit statuses of kvbench; BENCH_END_FAILURES: the answers cannot all be true. *ret holds memory: service_result_close. */
enum bench_end service_run(const struct service_settings *settings, const char *endpoints,
                           const char *cluster, const volatile sig_atomic_t *interrupt,
                           struct service_result *ret, char error[BENCH_RUN_ERROR_BYTES]);
void service_result_close(struct service_result *result);

void service_report(FILE *out, const struct service_settings *settings,
                    const struct service_result *result);

#endif
