/* SPDX-License-Identifier: Apache-2.0 */
/* kvsim: runs the simulator on one seed or on many.
 *
 * Many seeds are shared among worker processes by a counter in shared memory. A run that ends its
 * process (an assertion of a core is a finding like any other) costs one worker: the parent says
 * which seed it was and starts the next worker. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/multicast/multicast_main.h"
#include "tests/sim/sim.h"

#ifndef KVSIM_COMMIT
#define KVSIM_COMMIT "unknown"
#endif

/* Worker processes: more do not help on any machine that we know. */
#define JOBS_MAX 64

static const struct {
    const char *name;
    enum sim_mutant mutant;
    bool core;
    const char *text;
} mutants[] = {
#define DRIVER                     false
#define CORE                       true
#define X(NAME, name, WHERE, text) {#name, SIM_MUTANT_##NAME, WHERE, text},
    SIM_MUTANT_MAP(X)
#undef X
#undef DRIVER
#undef CORE
};
#define MUTANT_COUNT (sizeof(mutants) / sizeof(mutants[0]))

static const struct {
    const char *name;
    enum sim_profile profile;
    const char *text;
} profiles[] = {
#define X(NAME, name, text) {#name, SIM_PROFILE_##NAME, text},
    SIM_PROFILE_MAP(X)
#undef X
};
#define PROFILE_COUNT (sizeof(profiles) / sizeof(profiles[0]))

static const struct {
    const char *name;
    enum sim_checker checker;
} checkers[] = {
    {"raft", SIM_CHECK_RAFT}, {"order", SIM_CHECK_ORDER},   {"digest", SIM_CHECK_DIGEST},
    {"wgl", SIM_CHECK_WGL},   {"replay", SIM_CHECK_REPLAY}, {"once", SIM_CHECK_ONCE},
};
#define CHECKER_COUNT (sizeof(checkers) / sizeof(checkers[0]))

/* Everything that can find something: report.checker of a run. "assertion" is an invariant of a
 * core. */
static const char *const finders[] = {
    "raft",    "order",    "digest", "linear",   "replay",    "time",  "places", "once", "client",
    "restart", "snapshot", "codec",  "liveness", "assertion", "locks", "leases", "cut"};
#define FINDER_COUNT (sizeof(finders) / sizeof(finders[0]))

/* A planted bug that no seed finds gets so many times more seeds. */
#define RARE 100

/* Core mutants exist in the program that is linked with the broken cores only. */
#ifdef KVSIM_CORE_MUTANTS
#define HAS_CORE_MUTANTS true
#define PROGRAM          "kvsim-mutants"
#else
#define HAS_CORE_MUTANTS false
#define PROGRAM          "kvsim"
#endif

struct command_line {
    struct sim_options options;
    bool single; /* --seed */
    uint64_t first, count;
    uint32_t jobs;
    bool all_mutants;
};

/* What the workers share with their parent. */
struct shared {
    _Atomic uint64_t next; /* number of the next run */
    _Atomic uint64_t violations;
    _Atomic uint64_t runs;
    _Atomic uint64_t digest; /* sum over all runs: does not depend on who ran what */
    _Atomic uint64_t virtual_us;
    _Atomic uint64_t counters[sizeof(struct sim_counters) / sizeof(uint64_t)];
    _Atomic uint64_t seeds[JOBS_MAX]; /* being run; for the parent of a worker that died */
    _Atomic uint64_t found_by[FINDER_COUNT];
};

static void usage(FILE *out)
{
    fprintf(out,
            "usage: " PROGRAM " --seed S [--trace]                 one run, everything printed\n"
            "       " PROGRAM
            " --seeds N [--first S] [--jobs J]   many runs, failures and a summary printed\n"
            "       " PROGRAM
            " --mutants [--seeds N] [--jobs J]   each planted bug: in how many seeds it is found\n"
            "  --first S       first seed (default: from the clock)\n"
            "  --profile NAME  which faults may be drawn:");
    for (size_t i = 0; i < PROFILE_COUNT; i++) {
        fprintf(out, " %s", profiles[i].name);
    }
    fprintf(out, "\n  --without NAME  leave a checker out; may be repeated:");
    for (size_t i = 0; i < CHECKER_COUNT; i++) {
        fprintf(out, " %s", checkers[i].name);
    }
    fprintf(out, "\n  --mutant NAME   plant a bug:\n");
    for (size_t i = 0; i < MUTANT_COUNT; i++) {
        fprintf(out, "      %-26s %s%s\n", mutants[i].name, mutants[i].text,
                mutants[i].core ? " (kvsim-mutants)" : "");
    }
    fprintf(out, "exit status: 0 no violation (--mutants: each was found), 1 otherwise, 2 usage\n");
}

/* The options of a run as they have to be typed. */
static void format_replay(const struct sim_options *options, char *ret, size_t size)
{
    int used = snprintf(ret, size, "replay: " PROGRAM " --seed %" PRIu64, options->seed);
    size_t at = (size_t)used;
    if (options->profile != SIM_PROFILE_ALL) {
        at +=
            (size_t)snprintf(ret + at, size - at, " --profile %s", profiles[options->profile].name);
    }
    if (options->mutant != SIM_MUTANT_NONE) {
        at += (size_t)snprintf(ret + at, size - at, " --mutant %s",
                               mutants[options->mutant - 1].name);
    }
    for (size_t i = 0; i < CHECKER_COUNT; i++) {
        if ((options->checkers & checkers[i].checker) == 0) {
            at += (size_t)snprintf(ret + at, size - at, " --without %s", checkers[i].name);
        }
    }
    (void)snprintf(ret + at, size - at, " --trace");
}

/* ---- One run ---- */

static char abort_text[512];

static void on_abort(int signal_number)
{
    (void)signal_number;
    ssize_t ignored = write(STDOUT_FILENO, abort_text, strlen(abort_text));
    (void)ignored;
}

static void print_counters(const uint64_t *values)
{
    static const char *const names[] = {
#define X(name) #name,
        SIM_COUNTER_MAP(X)
#undef X
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        printf(", %s %" PRIu64, names[i], values[i]);
    }
    printf("\n");
}

static int run_single(struct sim_options options)
{
    struct sim_result result;
    char replay[400];
    format_replay(&options, replay, sizeof(replay));
    snprintf(abort_text, sizeof(abort_text), "VIOLATION: an assertion of a core failed\n%s\n",
             replay);
    signal(SIGABRT, on_abort);
    options.print = true;
    printf("seed %" PRIu64 ", commit %s\n", options.seed, KVSIM_COMMIT);
    fflush(stdout);
    sim_run(&options, &result);
    if (result.report.failed) {
        printf("VIOLATION of %s: %s\n%s\n", result.report.checker, result.report.text, replay);
    }
    uint64_t values[sizeof(result.counters) / sizeof(uint64_t)];
    memcpy(values, &result.counters, sizeof(values));
    printf("trace digest %016" PRIx64 "\n1 seed, %d violations, %.1f s of virtual time",
           result.digest, result.report.failed ? 1 : 0, (double)result.virtual_us / 1e6);
    print_counters(values);
    return result.report.failed ? 1 : 0;
}

/* ---- Many runs ---- */

static void note_found(struct shared *shared, const char *finder)
{
    atomic_fetch_add(&shared->violations, 1);
    for (size_t i = 0; i < FINDER_COUNT; i++) {
        if (strcmp(finders[i], finder) == 0) {
            atomic_fetch_add(&shared->found_by[i], 1);
        }
    }
}

static void work(const struct command_line *line, struct shared *shared, uint32_t worker,
                 bool quiet, bool stop_when_found)
{
    struct sim_options options = line->options;
    for (;;) {
        uint64_t run = atomic_fetch_add(&shared->next, 1);
        if (run >= line->count || (stop_when_found && atomic_load(&shared->violations) > 0)) {
            return;
        }
        options.seed = line->first + run;
        atomic_store(&shared->seeds[worker], options.seed);
        struct sim_result result;
        sim_run(&options, &result);
        if (result.report.failed) {
            char replay[400];
            format_replay(&options, replay, sizeof(replay));
            note_found(shared, result.report.checker);
            if (!quiet) {
                printf("seed %" PRIu64 ": VIOLATION of %s: %s\n  %s\n", options.seed,
                       result.report.checker, result.report.text, replay);
                fflush(stdout);
            }
        }
        uint64_t values[sizeof(result.counters) / sizeof(uint64_t)];
        memcpy(values, &result.counters, sizeof(values));
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            atomic_fetch_add(&shared->counters[i], values[i]);
        }
        atomic_fetch_add(&shared->digest, result.digest);
        atomic_fetch_add(&shared->virtual_us, result.virtual_us);
        atomic_fetch_add(&shared->runs, 1);
    }
}

static pid_t start_worker(const struct command_line *line, struct shared *shared, uint32_t worker,
                          bool quiet, bool stop_when_found)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (quiet && freopen("/dev/null", "w", stderr) == NULL) {
            _exit(2);
        }
        work(line, shared, worker, quiet, stop_when_found);
        fflush(stdout);
        _exit(0);
    }
    if (pid < 0) {
        perror("fork");
        exit(2);
    }
    return pid;
}

static void on_death(const struct command_line *line, struct shared *shared, uint32_t worker,
                     int status, bool quiet)
{
    struct sim_options options = line->options;
    char replay[400];
    options.seed = atomic_load(&shared->seeds[worker]);
    format_replay(&options, replay, sizeof(replay));
    note_found(shared, "assertion");
    atomic_fetch_add(&shared->runs, 1);
    if (!quiet) {
        printf("seed %" PRIu64 ": VIOLATION: the run died with %s\n  %s\n", options.seed,
               WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "an exit of its own", replay);
    }
}

static struct shared *run_many(const struct command_line *line, bool quiet, bool stop_when_found)
{
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    pid_t pids[JOBS_MAX];
    uint32_t running = line->jobs;
    for (uint32_t i = 0; i < line->jobs; i++) {
        pids[i] = start_worker(line, shared, i, quiet, stop_when_found);
    }
    while (running > 0) {
        int status = 0;
        pid_t pid = wait(&status);
        for (uint32_t i = 0; i < line->jobs; i++) {
            if (pids[i] != pid) {
                continue;
            }
            pids[i] = 0;
            running--;
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                on_death(line, shared, i, status, quiet);
                pids[i] = start_worker(line, shared, i, quiet, stop_when_found);
                running++;
            }
        }
    }
    return shared;
}

static int run_seeds(const struct command_line *line)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    printf("seeds %" PRIu64 "..%" PRIu64 ", profile %s, commit %s\n", line->first,
           line->first + line->count - 1, profiles[line->options.profile].name, KVSIM_COMMIT);
    struct shared *shared = run_many(line, /* quiet */ false, /* stop_when_found */ false);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    uint64_t values[sizeof(struct sim_counters) / sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        values[i] = atomic_load(&shared->counters[i]);
    }
    uint64_t violations = atomic_load(&shared->violations);
    printf("trace digest %016" PRIx64 "\n", atomic_load(&shared->digest));
    printf("%" PRIu64 " seeds, %" PRIu64 " violations, %.0f s of virtual time in %.1f s",
           atomic_load(&shared->runs), violations, (double)atomic_load(&shared->virtual_us) / 1e6,
           seconds);
    print_counters(values);
    munmap(shared, sizeof(*shared));
    return violations > 0 ? 1 : 0;
}

/* In how many of the seeds a planted bug is found; a rare one gets up to RARE times as many until
 * it is found once. */
static int run_mutants(struct command_line *line)
{
    const enum sim_profile profile = line->options.profile;
    const uint64_t count = line->count;
    int missed = 0;
    for (size_t i = 0; i < MUTANT_COUNT; i++) {
        if (mutants[i].core != HAS_CORE_MUTANTS) {
            continue;
        }
        line->options.mutant = mutants[i].mutant;
        line->options.profile = strncmp(mutants[i].name, "lock_", 5) == 0   ? SIM_PROFILE_LOCKS
                                : strncmp(mutants[i].name, "life_", 5) == 0 ? SIM_PROFILE_LIVES
                                                                            : profile;
        line->count = count;
        struct shared *shared = run_many(line, /* quiet */ true, /* stop_when_found */ false);
        if (atomic_load(&shared->violations) == 0) {
            munmap(shared, sizeof(*shared));
            line->count = RARE * count;
            shared = run_many(line, /* quiet */ true, /* stop_when_found */ true);
        }
        uint64_t found = atomic_load(&shared->violations);
        printf("%-26s %s in %4" PRIu64 " of %5" PRIu64 " seeds", mutants[i].name,
               found > 0 ? "found" : "NOT FOUND", found, atomic_load(&shared->runs));
        bool first = true;
        for (size_t n = 0; n < FINDER_COUNT; n++) {
            uint64_t by = atomic_load(&shared->found_by[n]);
            if (by > 0) {
                printf("%s %s %" PRIu64, first ? ":" : ",", finders[n], by);
                first = false;
            }
        }
        printf("\n");
        fflush(stdout);
        missed |= found == 0;
        munmap(shared, sizeof(*shared));
    }
    return missed;
}

/* ---- Command line ---- */

enum {
    OPTION_SEED = 256,
    OPTION_SEEDS,
    OPTION_FIRST,
    OPTION_JOBS,
    OPTION_MUTANT,
    OPTION_MUTANTS,
    OPTION_TRACE,
    OPTION_PROFILE,
    OPTION_WITHOUT,
    OPTION_HELP
};

static const struct option long_options[] = {
    {"seed", required_argument, NULL, OPTION_SEED},
    {"seeds", required_argument, NULL, OPTION_SEEDS},
    {"first", required_argument, NULL, OPTION_FIRST},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"mutant", required_argument, NULL, OPTION_MUTANT},
    {"mutants", no_argument, NULL, OPTION_MUTANTS},
    {"trace", no_argument, NULL, OPTION_TRACE},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"without", required_argument, NULL, OPTION_WITHOUT},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool parse_number(const char *text, uint64_t *ret)
{
    char *end = NULL;
    errno = 0;
    *ret = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static bool parse_mutant(const char *name, enum sim_mutant *ret)
{
    for (size_t i = 0; i < MUTANT_COUNT; i++) {
        if (strcmp(mutants[i].name, name) == 0 && (!mutants[i].core || HAS_CORE_MUTANTS)) {
            *ret = mutants[i].mutant;
            return true;
        }
    }
    return false;
}

static bool parse_profile(const char *name, enum sim_profile *ret)
{
    for (size_t i = 0; i < PROFILE_COUNT; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            *ret = profiles[i].profile;
            return true;
        }
    }
    return false;
}

static bool parse_without(const char *name, unsigned *ret)
{
    for (size_t i = 0; i < CHECKER_COUNT; i++) {
        if (strcmp(checkers[i].name, name) == 0) {
            *ret &= ~(unsigned)checkers[i].checker;
            return true;
        }
    }
    return false;
}

static bool parse_option(int option, struct command_line *line)
{
    uint64_t number = 0;
    switch (option) {
    case OPTION_SEED:
        line->single = true;
        return parse_number(optarg, &line->options.seed);
    case OPTION_SEEDS:
        return parse_number(optarg, &line->count) && line->count > 0;
    case OPTION_FIRST:
        return parse_number(optarg, &line->first);
    case OPTION_JOBS:
        line->jobs = parse_number(optarg, &number) && number <= JOBS_MAX ? (uint32_t)number : 0;
        return line->jobs > 0;
    case OPTION_MUTANT:
        return parse_mutant(optarg, &line->options.mutant);
    case OPTION_MUTANTS:
        line->all_mutants = true;
        return true;
    case OPTION_TRACE:
        line->options.trace = stdout;
        return true;
    case OPTION_PROFILE:
        return parse_profile(optarg, &line->options.profile);
    case OPTION_WITHOUT:
        return parse_without(optarg, &line->options.checkers);
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "multicast") == 0) {
        return multicast_main(argc - 1, argv + 1);
    }
    struct command_line line = {.options = {.checkers = SIM_CHECK_ALL}, .count = 100, .jobs = 1};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    line.first = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000; /* fresh seeds */
    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == OPTION_HELP || option == 'h') {
            usage(stdout);
            return 0;
        }
        if (!parse_option(option, &line)) {
            usage(stderr);
            return 2;
        }
    }
    if (optind != argc || argc == 1) {
        usage(stderr);
        return 2;
    }
    if (line.single) {
        return run_single(line.options);
    }
    line.options.trace = NULL; /* of many runs at once nobody can read it */
    return line.all_mutants ? run_mutants(&line) : run_seeds(&line);
}
