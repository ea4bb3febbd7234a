/* SPDX-License-Identifier: Apache-2.0 */
/* multicast_main: runs the multicast simulator on one seed or on many.
 *
 * Many seeds are shared among worker processes by a counter in shared memory. An assertion of a core ends its worker: the parent
 * says which seed it was, and starts the next worker. */
#include "tests/sim/multicast/multicast_main.h"

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

#include "tests/sim/multicast/planted.h"
#include "tests/sim/multicast/world.h"

/* Worker processes: more do not help on any machine that we know. */
#define JOBS_MAX 64

enum multicast_mutant multicast_planted;

static const struct {
    const char *name;
    enum multicast_mutant mutant;
    enum world_profile profile;
    bool facts;
    uint64_t seeds;
    const char *text;
} mutants[] = {
#define X(NAME, name, PROFILE, FACTS, SEEDS, text)                                                 \
    {#name, MULTICAST_MUTANT_##NAME, WORLD_PROFILE_##PROFILE, FACTS, SEEDS, text},
    MULTICAST_MUTANT_MAP(X)
#undef X
};
#define MUTANT_COUNT (sizeof mutants / sizeof mutants[0])

static const char *const profiles[] = {
#define X(NAME, name, text) #name,
    WORLD_PROFILE_MAP(X)
#undef X
};
#define PROFILE_COUNT (sizeof profiles / sizeof profiles[0])

#ifdef MULTICAST_MUTANTS
#define HAS_MUTANTS true
#else
#define HAS_MUTANTS false
#endif

/* A mutant that needs more seeds than this is left to runs that may take long. */
#define SHORT_SEEDS   4000

#define COUNTER_COUNT (sizeof(struct world_counters) / sizeof(uint64_t))

struct command_line {
    const char *program;
    struct world_options options;
    bool single;
    uint64_t first, count; /* count 0: the default */
    uint32_t jobs;
    bool all_mutants, long_mutants;
};

/* What the workers share with their parent. */
struct shared {
    _Atomic uint64_t next;
    _Atomic uint64_t violations;
    _Atomic uint64_t runs;
    _Atomic uint64_t digest; /* sum over all runs: does not depend on who ran what */
    _Atomic uint64_t virtual_us;
    _Atomic uint64_t counters[COUNTER_COUNT];
    _Atomic uint64_t seeds[JOBS_MAX];
    _Atomic uint64_t first_found; /* runs until the first violation; 0: none */
    char found_by[16];
};

static void usage(FILE *out, const char *program)
{
    fprintf(
        out,
        "usage: %s --seed S [--trace]                 one run, everything printed\n"
        "       %s --seeds N [--first S] [--jobs J]   many runs, failures and a summary printed\n"
        "  --first S       first seed (default: from the clock)\n"
        "  --profile NAME  how parameters are drawn:",
        program, program);
    for (size_t i = 0; i < PROFILE_COUNT; i++) {
        fprintf(out, " %s", profiles[i]);
    }
    fprintf(out, "\n");
    if (HAS_MUTANTS) {
        fprintf(out, "  --mutants       each planted bug, in as many seeds as it needs; --long: "
                     "also the rarest\n"
                     "  --mutant NAME   plant a bug:\n");
        for (size_t i = 0; i < MUTANT_COUNT; i++) {
            fprintf(out, "      %-26s %s\n", mutants[i].name, mutants[i].text);
        }
    }
    fprintf(out, "exit status: 0 no violation (--mutants: each was found), 1 otherwise, 2 usage\n");
}

static void format_replay(const struct command_line *line, uint64_t seed, char *ret, size_t size)
{
    size_t at = (size_t)snprintf(ret, size, "replay: %s --seed %" PRIu64, line->program, seed);
    if (multicast_planted != MULTICAST_MUTANT_NONE) {
        at += (size_t)snprintf(ret + at, size - at, " --mutant %s",
                               mutants[multicast_planted - 1].name);
    }
    if (line->options.profile != WORLD_PROFILE_ALL) {
        at +=
            (size_t)snprintf(ret + at, size - at, " --profile %s", profiles[line->options.profile]);
    }
    (void)snprintf(ret + at, size - at, " --trace");
}

static void print_counters(const uint64_t *values, double seconds)
{
    static const char *const names[COUNTER_COUNT] = {
        "events",  "deliveries", "of them at members without a leader", "elections",
        "crashes", "installs",   "of them behind the own application",  "snapshots",
        "commits"};
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        printf("%s%s %" PRIu64, i == 0 ? " " : ", ", names[i], values[i]);
    }
    printf(seconds > 0 ? "; %.1f s\n" : "\n", seconds);
}

/* ---- One run ---- */

static char abort_text[512];

static void on_abort(int signal_number)
{
    (void)signal_number;
    ssize_t ignored = write(STDOUT_FILENO, abort_text, strlen(abort_text));
    (void)ignored;
}

static int run_single(struct command_line *line)
{
    struct world *world = kv_alloc_zero(1, sizeof *world);
    char replay[400];
    format_replay(line, line->options.seed, replay, sizeof replay);
    snprintf(abort_text, sizeof abort_text, "VIOLATION: an assertion of a core failed\n%s\n",
             replay);
    signal(SIGABRT, on_abort);
    line->options.print = true;
    printf("seed %" PRIu64 "\n", line->options.seed);
    world_run(world, &line->options);
    bool failed = world->report.failed;
    if (failed) {
        printf("VIOLATION of %s: %s\n%s\n", world->report.checker, world->report.text, replay);
    }
    uint64_t values[COUNTER_COUNT];
    memcpy(values, &world->counters, sizeof values);
    printf("trace digest %016" PRIx64 "\n1 seed, %d violations, %.1f s of virtual time:",
           world->digest, failed, (double)world->now / 1e6);
    print_counters(values, 0);
    world_close(world);
    kv_free(world);
    return failed ? 1 : 0;
}

/* ---- Many runs ---- */

static void note_found(struct shared *shared, uint64_t run, const char *checker)
{
    uint64_t none = 0;
    atomic_fetch_add(&shared->violations, 1);
    if (atomic_compare_exchange_strong(&shared->first_found, &none, run + 1)) {
        snprintf(shared->found_by, sizeof shared->found_by, "%s", checker);
    }
}

static void work(const struct command_line *line, struct shared *shared, uint32_t worker,
                 bool quiet)
{
    struct world_options options = line->options;
    struct world *world = kv_alloc_zero(1, sizeof *world);
    for (;;) {
        uint64_t run = atomic_fetch_add(&shared->next, 1);
        if (run >= line->count) {
            break;
        }
        options.seed = line->first + run;
        atomic_store(&shared->seeds[worker], options.seed);
        world_run(world, &options);
        if (world->report.failed) {
            char replay[400];
            format_replay(line, options.seed, replay, sizeof replay);
            note_found(shared, run, world->report.checker);
            if (!quiet) {
                printf("seed %" PRIu64 ": VIOLATION of %s: %s\n  %s\n", options.seed,
                       world->report.checker, world->report.text, replay);
                fflush(stdout);
            }
        }
        uint64_t values[COUNTER_COUNT];
        memcpy(values, &world->counters, sizeof values);
        for (size_t i = 0; i < COUNTER_COUNT; i++) {
            atomic_fetch_add(&shared->counters[i], values[i]);
        }
        atomic_fetch_add(&shared->digest, world->digest);
        atomic_fetch_add(&shared->virtual_us, world->now);
        atomic_fetch_add(&shared->runs, 1);
    }
    world_close(world);
    kv_free(world);
}

static pid_t start_worker(const struct command_line *line, struct shared *shared, uint32_t worker,
                          bool quiet)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (quiet && freopen("/dev/null", "w", stderr) == NULL) {
            _exit(2);
        }
        work(line, shared, worker, quiet);
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
    uint64_t seed = atomic_load(&shared->seeds[worker]);
    char replay[400];
    format_replay(line, seed, replay, sizeof replay);
    note_found(shared, seed - line->first, "assertion");
    atomic_fetch_add(&shared->runs, 1);
    if (!quiet) {
        printf("seed %" PRIu64 ": VIOLATION: the run died with %s\n  %s\n", seed,
               WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "an exit of its own", replay);
    }
}

static struct shared *run_many(const struct command_line *line, bool quiet)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    pid_t pids[JOBS_MAX];
    uint32_t running = line->jobs;
    for (uint32_t i = 0; i < line->jobs; i++) {
        pids[i] = start_worker(line, shared, i, quiet);
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
                pids[i] = start_worker(line, shared, i, quiet);
                running++;
            }
        }
    }
    return shared;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run_seeds(const struct command_line *line)
{
    double begin = seconds_now();
    printf("seeds %" PRIu64 "..%" PRIu64 ", profile %s\n", line->first,
           line->first + line->count - 1, profiles[line->options.profile]);
    struct shared *shared = run_many(line, /* quiet */ false);
    uint64_t values[COUNTER_COUNT];
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        values[i] = atomic_load(&shared->counters[i]);
    }
    uint64_t violations = atomic_load(&shared->violations);
    printf("trace digest %016" PRIx64 "\n", atomic_load(&shared->digest));
    printf("%" PRIu64 " seeds, %" PRIu64 " violations, %.0f s of virtual time:",
           atomic_load(&shared->runs), violations, (double)atomic_load(&shared->virtual_us) / 1e6);
    print_counters(values, seconds_now() - begin);
    munmap(shared, sizeof *shared);
    return violations > 0 ? 1 : 0;
}

static int run_mutants(struct command_line line)
{
    int missed = 0;
    uint64_t count = line.count;
    for (size_t i = 0; i < MUTANT_COUNT; i++) {
        if (line.long_mutants != (mutants[i].seeds > SHORT_SEEDS)) {
            continue;
        }
        multicast_planted = mutants[i].mutant;
        line.options.profile = mutants[i].profile;
        line.options.no_fact_check = !mutants[i].facts;
        line.count = count > 0 ? count : mutants[i].seeds;
        double begin = seconds_now();
        struct shared *shared = run_many(&line, /* quiet */ true);
        uint64_t violations = atomic_load(&shared->violations),
                 first = atomic_load(&shared->first_found);
        if (violations > 0) {
            printf("%-28s found in %5" PRIu64 " of %5" PRIu64 " seeds, first by %s (seed %" PRIu64
                   "); %.1f s\n",
                   mutants[i].name, violations, line.count, shared->found_by,
                   line.first + first - 1, seconds_now() - begin);
        } else {
            printf("%-28s NOT FOUND in %" PRIu64 " seeds; %.1f s\n", mutants[i].name, line.count,
                   seconds_now() - begin);
            missed = 1;
        }
        fflush(stdout);
        munmap(shared, sizeof *shared);
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
    OPTION_LONG,
    OPTION_TRACE,
    OPTION_PROFILE,
    OPTION_HELP
};

static const struct option long_options[] = {
    {"seed", required_argument, NULL, OPTION_SEED},
    {"seeds", required_argument, NULL, OPTION_SEEDS},
    {"first", required_argument, NULL, OPTION_FIRST},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"mutant", required_argument, NULL, OPTION_MUTANT},
    {"mutants", no_argument, NULL, OPTION_MUTANTS},
    {"long", no_argument, NULL, OPTION_LONG},
    {"trace", no_argument, NULL, OPTION_TRACE},
    {"profile", required_argument, NULL, OPTION_PROFILE},
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

static bool parse_mutant(const char *name, struct command_line *line)
{
    for (size_t i = 0; i < MUTANT_COUNT && HAS_MUTANTS; i++) {
        if (strcmp(mutants[i].name, name) == 0) {
            multicast_planted = mutants[i].mutant;
            line->options.profile = mutants[i].profile;
            line->options.no_fact_check = !mutants[i].facts;
            return true;
        }
    }
    return false;
}

static bool parse_profile(const char *name, enum world_profile *ret)
{
    for (size_t i = 0; i < PROFILE_COUNT; i++) {
        if (strcmp(profiles[i], name) == 0) {
            *ret = (enum world_profile)i;
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
        return parse_mutant(optarg, line);
    case OPTION_MUTANTS:
        line->all_mutants = true;
        return HAS_MUTANTS;
    case OPTION_LONG:
        line->long_mutants = true;
        return HAS_MUTANTS;
    case OPTION_TRACE:
        line->options.trace = true;
        return true;
    case OPTION_PROFILE:
        return parse_profile(optarg, &line->options.profile);
    default:
        return false;
    }
}

int multicast_main(int argc, char **argv)
{
    struct command_line line = {
        .program = HAS_MUTANTS ? "kvsim-multicast-mutants" : "kvsim multicast", .jobs = 1};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    line.first = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000; /* fresh seeds */
    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == OPTION_HELP || option == 'h') {
            usage(stdout, line.program);
            return 0;
        }
        if (!parse_option(option, &line)) {
            usage(stderr, line.program);
            return 2;
        }
    }
    if (optind != argc || argc == 1) {
        usage(stderr, line.program);
        return 2;
    }
    if (line.single) {
        return run_single(&line);
    }
    line.options.trace = false; /* of many runs at once nobody can read it */
    if (line.all_mutants) {
        return run_mutants(line);
    }
    line.count = line.count > 0 ? line.count : 100;
    return run_seeds(&line);
}
