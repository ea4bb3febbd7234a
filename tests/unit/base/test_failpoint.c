/* SPDX-License-Identifier: Apache-2.0 */
/* failpoint: what is armed happens at its passing and at no other, and a text that means nothing arms nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multicast/base/failpoint.h"

static char error[FAILPOINT_ERROR_BYTES];

static void arm(const char *text)
{
    assert_int_equal(failpoint_arm(text, error), STATUS_OK);
}

static void nothing_happens_at_a_point_that_is_not_armed(void **state)
{
    (void)state;
    arm(NULL);
    assert_false(failpoint_any_armed);
    arm("");
    assert_false(failpoint_any_armed);
    arm("wal.before_sync=error");
    assert_true(failpoint_any_armed);
    for (unsigned i = 0; i < FAILPOINT_COUNT; i++) {
        if (i != FAILPOINT_WAL_BEFORE_SYNC) {
            assert_int_equal(failpoint((enum failpoint)i), 0);
        }
    }
    assert_int_equal(failpoint(FAILPOINT_WAL_BEFORE_SYNC), -EIO);
    failpoint_disarm();
    assert_int_equal(failpoint(FAILPOINT_WAL_BEFORE_SYNC), 0);
}

static void a_point_fails_at_the_passing_that_was_named(void **state)
{
    (void)state;
    arm("wal.before_write=nospace@3,state.after_commit=error@2+");
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(failpoint(FAILPOINT_WAL_BEFORE_WRITE), i == 3 ? -ENOSPC : 0);
        assert_int_equal(failpoint(FAILPOINT_STATE_AFTER_COMMIT), i >= 2 ? -EIO : 0);
    }
    arm("wal.before_write=delay:1@2");
    assert_int_equal(failpoint(FAILPOINT_WAL_BEFORE_WRITE), 0);
    assert_int_equal(failpoint(FAILPOINT_WAL_BEFORE_WRITE), 0);
    failpoint_disarm();
}

/* How a process ends that passes a point once. */
static int end_of(const char *text)
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        arm(text);
        (void)failpoint(FAILPOINT_META_BEFORE_SYNC);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void kill_and_abort_end_the_process(void **state)
{
    (void)state;
    assert_int_equal(end_of("meta.before_sync=kill"), SIGKILL);
    assert_int_equal(end_of("meta.before_sync=abort@1"), SIGABRT);
    assert_int_equal(end_of("meta.before_sync=kill@2"), 0);
}

static void a_text_that_means_nothing_is_refused_and_arms_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "wal.before_sinc=kill",
        "wal.before_sync",
        "wal.before_sync=",
        "wal.before_sync=die",
        "wal.before_sync=kill@",
        "wal.before_sync=kill@0",
        "wal.before_sync=kill@1x",
        "wal.before_sync=delay",
        "wal.before_sync=delay:",
        "wal.before_sync=delay:9999999",
        "=kill",
        ",",
        "wal.before_sync=kill meta.before_sync=kill",
        "wal.before_sync=kill,wal.before_sync=error",
        "wal.before_sync=kill@99999999999999999999",
    };
    failpoint_disarm();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        error[0] = '\0';
        assert_int_equal(failpoint_arm(wrong[i], error), STATUS_INVALID);
        assert_non_null(strstr(error, "': "));
        assert_false(failpoint_any_armed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_happens_at_a_point_that_is_not_armed),
        cmocka_unit_test(a_point_fails_at_the_passing_that_was_named),
        cmocka_unit_test(kill_and_abort_end_the_process),
        cmocka_unit_test(a_text_that_means_nothing_is_refused_and_arms_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
