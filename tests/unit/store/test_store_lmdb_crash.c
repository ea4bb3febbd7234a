/* SPDX-License-Identifier: Apache-2.0 */
/* A process that is killed while it writes checkpoints leaves the old generation or the new one, whole (Z3).
 *
 * A child makes generations; each is told to the parent when it is committed. It is killed by a timer at a random moment, or kills
 * itself at a failpoint. The parent knows what each generation has, since both draw from the same seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "multicast/base/failpoint.h"
#include "tests/unit/store/lmdb_fixture.h"

/* Deaths at random moments. */
#define CRASH_KILLS 60

/* Generations of a life at most; changes between two. */
#define CRASH_GENERATIONS 40
#define CRASH_CHANGES     60
#define CRASH_KEYS        200

#define CRASH_MAP_BYTES   (UINT64_C(64) << 20)

/* What each generation has, of both stores: found out by a life that nobody ends. */
static struct store_sum expected[CRASH_GENERATIONS + 1][FIXTURE_STORES];

static void note_sums(const struct lmdb_fixture *fixture, struct store_sum *ret)
{
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        ret[s] =
            (struct store_sum){store_count(fixture->plain[s]), store_digest(fixture->plain[s])};
    }
}

/* Make all generations and tell each; the environment must be new. */
static void live(struct lmdb_fixture *fixture, int told)
{
    for (uint8_t g = 1; g <= CRASH_GENERATIONS; g++) {
        lmdb_fixture_change(fixture, CRASH_KEYS, CRASH_CHANGES);
        note_sums(fixture, expected[g]);
        lmdb_fixture_checkpoint(fixture);
        if (told >= 0 && write(told, &g, 1) != 1) {
            _exit(1);
        }
    }
}

/* The environment has generation `told` or the next one, whole. */
static uint64_t check_generation(const struct lmdb_fixture *crashed, uint64_t told)
{
    struct lmdb_fixture fixture = *crashed;
    lmdb_fixture_open(&fixture);
    const uint64_t generation = store_lmdb_view_generation(fixture.view);
    assert_true(generation == told || generation == told + 1);
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        assert_int_equal(store_count(fixture.stores[s]), expected[generation][s].count);
        assert_int_equal(store_digest(fixture.stores[s]), expected[generation][s].digest);
    }
    lmdb_fixture_check_view(&fixture);
    lmdb_fixture_close(&fixture);
    return generation;
}

/* Let this process be killed, whatever it does then. */
static void end_after(uint64_t us)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    const struct itimerspec time = {.it_value = {.tv_nsec = (long)us * 1000}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
        timer_settime(timer, 0, &time, NULL) != 0) {
        _exit(3);
    }
}

/* A life in a child, armed with `points`, killed after `us`, or never. Returns the last generation that it told. */
static uint64_t life(struct lmdb_fixture *fixture, const char *points, uint64_t us)
{
    char error[FAILPOINT_ERROR_BYTES];
    int told[2];
    int status = 0;
    uint8_t generation = 0;
    assert_int_equal(pipe(told), 0);
    const pid_t child = fork();
    if (child == 0) {
        (void)close(told[0]);
        if (failpoint_arm(points, error) != STATUS_OK) {
            _exit(2);
        }
        if (us > 0) {
            end_after(us);
        }
        lmdb_fixture_open(fixture);
        live(fixture, told[1]);
        _exit(0);
    }
    (void)close(told[1]);
    while (read(told[0], &generation, 1) == 1) {
    }
    (void)close(told[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
    return generation;
}

/* A fixture whose environment is not open, and does not exist if `bare`. */
static struct lmdb_fixture *closed_fixture(bool bare)
{
    struct lmdb_fixture *fixture = lmdb_fixture_new(1, CRASH_MAP_BYTES);
    lmdb_fixture_close(fixture);
    if (bare) {
        lmdb_fixture_remove(fixture);
    }
    return fixture;
}

static int learn(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(1, CRASH_MAP_BYTES);
    live(fixture, -1);
    lmdb_fixture_destroy(&fixture);
    return 0;
}

static void a_kill_at_any_moment_leaves_one_generation_whole(void **state)
{
    (void)state;
    struct kv_prng prng;
    uint64_t seen = 0;
    uint64_t unfinished = 0;
    kv_prng_init(&prng, (uint64_t)getpid()); /* moments do not repeat anyway */
    for (int i = 0; i < CRASH_KILLS; i++) {
        struct lmdb_fixture *fixture = closed_fixture(false);
        const uint64_t told = life(fixture, NULL, kv_prng_between(&prng, 500, 40000));
        seen += check_generation(fixture, told);
        unfinished += told < CRASH_GENERATIONS;
        lmdb_fixture_destroy(&fixture);
    }
    print_message("%d kills, %llu of them before the end; generation %llu on average\n",
                  CRASH_KILLS, (unsigned long long)unfinished,
                  (unsigned long long)seen / CRASH_KILLS);
    assert_true(unfinished > 0);
}

static void a_kill_at_any_failpoint_leaves_one_generation_whole(void **state)
{
    (void)state;
    static const struct {
        const char *point;
        uint32_t each; /* passings in a generation */
        bool after;    /* the generation is durable there */
    } points[] = {
        {"state.before_layer", FIXTURE_STORES, false},
        {"state.after_layer", FIXTURE_STORES, false},
        {"state.before_blob", 1, false},
        {"state.before_commit", 1, false},
        {"state.after_commit", 1, true},
    };
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        for (uint32_t passing = 1; passing <= 8; passing++) {
            char text[64];
            const uint64_t before = (passing - 1) / points[i].each;
            struct lmdb_fixture *fixture = closed_fixture(false);
            (void)snprintf(text, sizeof(text), "%s=kill@%u", points[i].point, passing);
            assert_int_equal(life(fixture, text, 0), before);
            assert_int_equal(check_generation(fixture, before), before + points[i].after);
            lmdb_fixture_destroy(&fixture);
        }
    }
}

static void a_kill_while_an_environment_is_made_leaves_none_or_generation_0(void **state)
{
    (void)state;
    static const char *const points[] = {"state.before_make=kill", "state.after_make=kill"};
    for (size_t i = 0; i < 2; i++) {
        struct lmdb_fixture *fixture = closed_fixture(true);
        assert_int_equal(life(fixture, points[i], 0), 0);
        assert_int_equal(check_generation(fixture, 0), 0);
        lmdb_fixture_destroy(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_at_any_moment_leaves_one_generation_whole),
        cmocka_unit_test(a_kill_at_any_failpoint_leaves_one_generation_whole),
        cmocka_unit_test(a_kill_while_an_environment_is_made_leaves_none_or_generation_0),
    };
    return cmocka_run_group_tests(tests, learn, NULL);
}
