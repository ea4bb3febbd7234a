/* SPDX-License-Identifier: Apache-2.0 */
/* kvd: the daemon. Reads its command line and the cluster file, runs one node, ends with a status that says why. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "multicast/base/failpoint.h"
#include "multicast/node/node.h"
#include "oracle/kvd/application.h"
#include "oracle/kvd/check.h"
#include "oracle/kvd/restore.h"

#define KVD_VERSION "0.1.0"

/* Exit statuses, besides KV_EXIT_DISK. */
#define EXIT_OK                0
#define EXIT_FAILED            1
#define EXIT_USAGE             2
#define EXIT_BAD_CONFIG        78 /* sysexits EX_CONFIG */
#define EXIT_BAD_DATA          65 /* sysexits EX_DATAERR: files that cannot be trusted */
#define EXIT_UNAVAILABLE       69 /* sysexits EX_UNAVAILABLE: directory or port in use */

#define DEV_ENDPOINT_DEFAULT   "tcp://127.0.0.1:7400"
#define DEV_PARTITIONS_DEFAULT 2

/* Times that a process begins anew behind damage that it has found while it ran. */
#define LIVES_MAX 4

/* Clocks of a cluster stay below it. */
#define RESTORE_CLOCK_MAX (1ul << 60)

/* A single node has nobody to wait for. */
#define DEV_ELECTION_TIMEOUT_US 100000

struct options {
    const char *config_path;
    const char *directory;
    const char *listen;
    const char *check_directory;
    const char *restore_file;
    uint64_t restore_clock;
    unsigned long node;
    unsigned long partitions;
    bool dev;
    bool trace;
    bool unsafe_no_sync;
    bool workers_fixed;
    uint32_t workers;
    uint64_t log_bytes_max;
    uint64_t state_bytes;
    uint64_t checkpoint_bytes;
    uint64_t checkpoint_us;
    uint64_t scrub_us;
    uint64_t segment_bytes;
    uint64_t reserve_bytes;
};

static const char usage_text[] =
    "usage: kvd --config FILE --node N --dir DIR     run node N of a cluster\n"
    "       kvd --dev [--listen HOST:PORT]           run a whole store in one process\n"
    "       kvd check DIR                            verify the files of a stopped node\n"
    "       kvd restore --config FILE --node N --dir DIR BACKUP\n"
    "                                                make the data of a node of a new cluster\n"
    "\n"
    "  --config FILE        the cluster file (docs/cluster-file.md)\n"
    "  --node N             which of its nodes this is\n"
    "  --dir DIR            where its data is; made if it does not exist\n"
    "  --dev                one node, one oracle, partitions, no configuration; without --dir the "
    "data\n"
    "                       is in a temporary directory and removed at the end\n"
    "  --listen HOST:PORT   with --dev: where to listen (127.0.0.1:7400)\n"
    "  --partitions N       with --dev: how many partitions (2)\n"
    "  --log-mib-max N      answer BUSY when the log holds more than N MiB (8192)\n"
    "  --state-gib-max N    what the checkpoints of one group may take on disk (256)\n"
    "  --checkpoint-mib N   write a checkpoint behind N MiB of log of a group (32)\n"
    "  --checkpoint-seconds N   and after this time, if anything has changed (60)\n"
    "  --scrub-seconds N    read each checkpoint through once in this time (3600)\n"
    "  --reserve-mib N      refuse writes when less than N MiB of the disk are free (256)\n"
    "  --segment-mib N      size of the files of the log (64); of those made from now on\n"
    "  --workers N|auto     threads that compute for commands that take long (auto: from 0 to the "
    "number\n"
    "                       of cores, as measured; kvctl workers changes it)\n"
    "  --clock N            with restore: begin behind it, in microseconds since 1970; the same "
    "for "
    "all nodes\n"
    "  --trace              print the decisions of the protocol cores\n"
    "  --unsafe-no-sync     answer before data is durable; for measurements only\n"
    "  --failpoints         list the points at which KV_FAILPOINTS can end or fail this program\n"
    "                       (docs/log.md)\n"
    "  --version, --help\n"
    "\n"
    "options are also taken from $KVD_OPTIONS, before those of the command line\n"
    "\n"
    "exit status: 0 told to stop; 1 failed; 2 usage; 65 files corrupt, foreign or of another "
    "version;\n"
    "             69 directory or port in use; 74 the disk failed; 78 the cluster file is wrong\n";

static void report(const char *line, void *context)
{
    (void)context;
    struct timespec now;
    struct tm calendar;
    char stamp[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &calendar);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &calendar);
    size_t size = strlen(line);
    fprintf(stderr, "%s.%03ldZ kvd: %s%s", stamp, now.tv_nsec / 1000000, line,
            size > 0 && line[size - 1] == '\n' ? "" : "\n");
}

static _Noreturn void usage_error(const char *format, const char *what)
{
    fputs("kvd: ", stderr);
    fprintf(stderr, format, what);
    fputs("\n\n", stderr);
    fputs(usage_text, stderr);
    exit(EXIT_USAGE);
}

static unsigned long number_option(const char *text, const char *name, unsigned long max)
{
    char *end = NULL;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value == 0 || value > max) {
        fprintf(stderr, "kvd: %s must be a number from 1 to %lu, not '%s'\n", name, max, text);
        exit(EXIT_USAGE);
    }
    return value;
}

/* Words of $KVD_OPTIONS in front of those of the command line. */
static char **all_words(int argc, char **argv, int *ret_count)
{
    const char *text = getenv("KVD_OPTIONS");
    static char *copy, **words; /* they stay: the options point into them */
    copy = strdup(text == NULL ? "" : text);
    words = calloc((size_t)argc + strlen(copy) + 1, sizeof *words);
    if (copy == NULL || words == NULL) {
        abort();
    }
    int count = 0;
    words[count++] = argv[0];
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        words[count++] = word;
    }
    for (int i = 1; i < argc; i++) {
        words[count++] = argv[i];
    }
    *ret_count = count;
    return words;
}

static void read_options(int argc, char **argv, struct options *ret)
{
    enum {
        CONFIG = 1,
        NODE,
        DIR,
        DEV,
        LISTEN,
        PARTITIONS,
        LOG_MIB,
        SEGMENT_MIB,
        WORKERS,
        STATE_GIB,
        CHECKPOINT_MIB,
        CHECKPOINT_SECONDS,
        SCRUB_SECONDS,
        RESERVE_MIB,
        CLOCK,
        TRACE,
        NO_SYNC,
        POINTS,
        VERSION,
        HELP
    };
    static const struct option long_options[] = {
        {"config", required_argument, NULL, CONFIG},
        {"node", required_argument, NULL, NODE},
        {"dir", required_argument, NULL, DIR},
        {"dev", no_argument, NULL, DEV},
        {"listen", required_argument, NULL, LISTEN},
        {"partitions", required_argument, NULL, PARTITIONS},
        {"log-mib-max", required_argument, NULL, LOG_MIB},
        {"state-gib-max", required_argument, NULL, STATE_GIB},
        {"checkpoint-mib", required_argument, NULL, CHECKPOINT_MIB},
        {"checkpoint-seconds", required_argument, NULL, CHECKPOINT_SECONDS},
        {"scrub-seconds", required_argument, NULL, SCRUB_SECONDS},
        {"reserve-mib", required_argument, NULL, RESERVE_MIB},
        {"segment-mib", required_argument, NULL, SEGMENT_MIB},
        {"workers", required_argument, NULL, WORKERS},
        {"clock", required_argument, NULL, CLOCK},
        {"trace", no_argument, NULL, TRACE},
        {"unsafe-no-sync", no_argument, NULL, NO_SYNC},
        {"failpoints", no_argument, NULL, POINTS},
        {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case CONFIG:
            ret->config_path = optarg;
            break;
        case NODE:
            ret->node = number_option(optarg, "--node", KV_NODES_MAX);
            break;
        case DIR:
            ret->directory = optarg;
            break;
        case DEV:
            ret->dev = true;
            break;
        case LISTEN:
            ret->listen = optarg;
            break;
        case PARTITIONS:
            ret->partitions = number_option(optarg, "--partitions", KV_GROUPS_MAX - 1);
            break;
        case LOG_MIB:
            ret->log_bytes_max = number_option(optarg, "--log-mib-max", 1024 * 1024) * 1024 * 1024;
            break;
        case STATE_GIB:
            ret->state_bytes = number_option(optarg, "--state-gib-max", 1024) << 30;
            break;
        case CHECKPOINT_MIB:
            ret->checkpoint_bytes = (uint64_t)number_option(optarg, "--checkpoint-mib", 65536)
                                    << 20;
            break;
        case CHECKPOINT_SECONDS:
            ret->checkpoint_us = number_option(optarg, "--checkpoint-seconds", 86400) * 1000000;
            break;
        case SCRUB_SECONDS:
            ret->scrub_us = number_option(optarg, "--scrub-seconds", 30 * 86400) * 1000000;
            break;
        case RESERVE_MIB:
            ret->reserve_bytes = number_option(optarg, "--reserve-mib", 1024 * 1024) * 1024 * 1024;
            break;
        case SEGMENT_MIB:
            ret->segment_bytes = number_option(optarg, "--segment-mib", 1024) * 1024 * 1024;
            break;
        case WORKERS:
            ret->workers_fixed = strcmp(optarg, "auto") != 0;
            ret->workers = ret->workers_fixed && strcmp(optarg, "0") != 0
                               ? (uint32_t)number_option(optarg, "--workers", KV_WORKERS_MAX)
                               : 0;
            break;
        case CLOCK:
            ret->restore_clock = number_option(optarg, "--clock", RESTORE_CLOCK_MAX);
            break;
        case TRACE:
            ret->trace = true;
            break;
        case NO_SYNC:
            ret->unsafe_no_sync = true;
            break;
        case POINTS:
            failpoint_list(stdout);
            exit(EXIT_OK);
        case VERSION:
            puts("kvd " KVD_VERSION);
            exit(EXIT_OK);
        case HELP:
            fputs(usage_text, stdout);
            exit(EXIT_OK);
        default:
            fputs(usage_text, stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc && strcmp(argv[optind], "check") == 0 && optind + 2 == argc) {
        ret->check_directory = argv[optind + 1];
    } else if (optind < argc && strcmp(argv[optind], "restore") == 0 && optind + 2 == argc) {
        ret->restore_file = argv[optind + 1];
    } else if (optind < argc) {
        usage_error("unexpected argument '%s'", argv[optind]);
    }
}

/* A text that means nothing is a test that tests nothing: the program does not start. */
static void arm_failpoints(void)
{
    char error[FAILPOINT_ERROR_BYTES];
    const char *text = getenv("KV_FAILPOINTS");
    if (failpoint_arm(text, error) != STATUS_OK) {
        fprintf(stderr, "kvd: KV_FAILPOINTS: %s; kvd --failpoints lists the points\n", error);
        exit(EXIT_USAGE);
    }
    if (failpoint_any_armed) {
        fprintf(stderr, "kvd: armed failpoints: %s\n", text);
    }
}

static void check_options(const struct options *options)
{
    if (options->restore_file == NULL && options->restore_clock != 0) {
        usage_error("%s", "--clock goes with restore");
    }
    if (options->dev) {
        if (options->restore_file != NULL) {
            usage_error("%s", "restore needs a cluster file, not --dev");
        }
        if (options->config_path != NULL || options->node != 0) {
            usage_error("%s", "--dev needs neither --config nor --node");
        }
    } else if (options->config_path == NULL || options->node == 0 || options->directory == NULL) {
        usage_error("%s", "--config, --node and --dir are needed (or --dev)");
    } else if (options->listen != NULL || options->partitions != 0) {
        usage_error("%s", "--listen and --partitions go with --dev");
    }
}

/* SIGTERM and SIGINT become readable; SIGPIPE and SIGHUP are ignored. */
static int open_stop_signal(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int exit_status_of(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return EXIT_OK;
    case STATUS_IO:
    case STATUS_NO_SPACE:
        return KV_EXIT_DISK;
    case STATUS_CORRUPT:
    case STATUS_FOREIGN:
    case STATUS_VERSION:
        return EXIT_BAD_DATA;
    case STATUS_LOCKED:
    case STATUS_NETWORK:
        return EXIT_UNAVAILABLE;
    case STATUS_FULL:
    case STATUS_TOO_LARGE:
    case STATUS_NOT_FOUND:
    case STATUS_INVALID:
    case STATUS_NOT_LEADER:
    case STATUS_UNAVAILABLE:
    case STATUS_END:
    case STATUS_EXISTS:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

static int run_node(const struct options *options, const struct node_config *config,
                    const char *directory)
{
    struct application_context context = {
        .config = config,
        .self = {(uint16_t)options->node},
        .state_bytes = options->state_bytes == 0 ? APPLICATION_STATE_BYTES : options->state_bytes};
    struct node_settings settings = {
        .config = config,
        .self = {(uint16_t)options->node},
        .directory = directory,
        .unsafe_no_sync = options->unsafe_no_sync,
        .stop_fd = open_stop_signal(),
        .trace = options->trace ? TRACE_DECISION : TRACE_NONE,
        .election_timeout_us = options->dev ? DEV_ELECTION_TIMEOUT_US : 0,
        .log_bytes_max = options->log_bytes_max,
        .segment_bytes = options->segment_bytes,
        .reserve_bytes = options->reserve_bytes,
        .oracle_first = true, /* docs/decisions/0006-oracle-first.md */
        .application = application_new,
        .application_context = &context,
        .checkpoint_bytes = options->checkpoint_bytes,
        .checkpoint_us = options->checkpoint_us,
        .scrub_us = options->scrub_us,
        .report = report,
        .workers_fixed = options->workers_fixed,
        .workers = options->workers,
    };
    enum status status = STATUS_CORRUPT;
    bool again = true;
    for (uint32_t lives = 0; again && lives < LIVES_MAX; lives++) {
        struct node *node = NULL;
        struct node_error error = {{0}};
        status = node_open(&settings, &node, &error);
        again = status == STATUS_OK; /* what is damaged at the start is for a person to look at */
        if (again) {
            status = node_run(node, &error);
            again = status == STATUS_CORRUPT; /* what cannot be trusted is set aside by then */
        }
        if (status != STATUS_OK) {
            report(error.text, NULL);
        }
        node_close(&node);
    }
    close(settings.stop_fd);
    return exit_status_of(status);
}

static int run_restore(const struct options *options, const struct node_config *config)
{
    const struct restore_settings settings = {
        .config = config,
        .self = {(uint16_t)options->node},
        .directory = options->directory,
        .file = options->restore_file,
        .clock = options->restore_clock,
        .state_bytes = options->state_bytes == 0 ? APPLICATION_STATE_BYTES : options->state_bytes};
    struct node_error error = {{0}};
    const enum status status = restore_node(&settings, &error);
    if (status != STATUS_OK) {
        fprintf(stderr, "kvd: %s\n", error.text);
    }
    return status == STATUS_EXISTS    ? EXIT_UNAVAILABLE
           : status == STATUS_INVALID ? EXIT_BAD_CONFIG
                                      : exit_status_of(status);
}

static void remove_tree(const char *directory)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", "--", directory, (char *)NULL);
        _exit(127);
    }
}

static int run_dev(struct options *options)
{
    char temporary[] = "/tmp/kvd-dev-XXXXXX";
    const char *directory = options->directory;
    if (directory == NULL) {
        directory = mkdtemp(temporary);
        if (directory == NULL) {
            fprintf(stderr, "kvd: cannot make a temporary directory: %s\n", strerror(errno));
            return EXIT_FAILED;
        }
    }
    char endpoint[WIRE_ENDPOINT_BYTES_MAX] = DEV_ENDPOINT_DEFAULT;
    if (options->listen != NULL) {
        snprintf(endpoint, sizeof endpoint, "tcp://%.100s", options->listen);
    }
    struct node_config *config = kv_alloc_zero(1, sizeof *config);
    uint32_t partitions =
        options->partitions == 0 ? DEV_PARTITIONS_DEFAULT : (uint32_t)options->partitions;
    node_config_single(config, endpoint, partitions);
    options->node = 1;
    fprintf(stderr,
            "kvd: a whole store at %s, data in %s; try: kvctl --endpoints %s put hello world\n",
            endpoint, directory, endpoint + strlen("tcp://"));
    int result = run_node(options, config, directory);
    kv_free(config);
    if (directory == temporary) {
        remove_tree(directory);
    }
    return result;
}

static int run_cluster_node(const struct options *options)
{
    struct node_config *config = kv_alloc_zero(1, sizeof *config);
    struct node_config_error error = {{0}};
    int result = EXIT_BAD_CONFIG;
    if (node_config_read(options->config_path, config, &error) != STATUS_OK) {
        fprintf(stderr, "kvd: %s\n", error.text);
    } else if (node_config_find(config, (kv_node_id){(uint16_t)options->node}) == NULL) {
        fprintf(stderr, "kvd: %s has no node %lu\n", options->config_path, options->node);
    } else if (options->restore_file != NULL) {
        result = run_restore(options, config);
    } else {
        result = run_node(options, config, options->directory);
    }
    kv_free(config);
    return result;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    char **words = all_words(argc, argv, &argc);
    read_options(argc, words, &options);
    arm_failpoints();
    if (options.check_directory != NULL) {
        return exit_status_of(check_directory(options.check_directory, stdout));
    }
    check_options(&options);
    return options.dev ? run_dev(&options) : run_cluster_node(&options);
}
