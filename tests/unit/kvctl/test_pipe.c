/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/kvctl/command.h"
#include "client/kvctl/operation.h"
#include "tests/unit/kvctl/capture.h"
#include "tests/unit/kvctl/fake_client.h"

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    setenv("KV_ENDPOINTS", "127.0.0.1:1", 1);
    return 0;
}

/* The answer lines to a text of request lines. */
static void assert_answers(const char *input, const char *expected)
{
    const struct captured got = run_with(input, "pipe");
    assert_string_equal(got.out, expected);
    assert_string_equal(got.err, "");
    assert_int_equal(got.code, 0);
}

static void every_operation_has_its_answer(void **state)
{
    (void)state;
    assert_answers("{\"id\":1,\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n",
                   "{\"id\":1,\"op\":\"put\",\"status\":\"ok\",\"result\":true,\"group\":1,"
                   "\"index\":1,\"timestamp\":\"9007199254740994\"}\n");
    assert_answers("{\"id\":\"x\",\"op\":\"get\",\"key\":\"a\"}\n",
                   "{\"id\":\"x\",\"op\":\"get\",\"status\":\"ok\",\"result\":\"1\",\"group\":1,"
                   "\"index\":1}\n");
    assert_answers("{\"id\":null,\"op\":\"get\",\"key\":\"b\"}\n",
                   "{\"id\":null,\"op\":\"get\",\"status\":\"ok\",\"result\":null,\"group\":1,"
                   "\"index\":1}\n");
    assert_answers("{\"id\":[7],\"op\":\"cas\",\"key\":\"a\",\"expect\":\"2\",\"value\":\"3\"}\n",
                   "{\"id\":[7],\"op\":\"cas\",\"status\":\"failed\",\"result\":null,"
                   "\"error\":\"MISMATCH\",\"text\":\"the present value is not the expected one\","
                   "\"present\":\"1\",\"group\":1,\"index\":2,"
                   "\"timestamp\":\"9007199254740995\"}\n");
    assert_answers("{\"id\":5,\"op\":\"delete\",\"key\":\"b\"}\n",
                   "{\"id\":5,\"op\":\"delete\",\"status\":\"failed\",\"result\":null,"
                   "\"error\":\"NOT_FOUND\",\"text\":\"no such key\","
                   "\"verdicts\":[{\"status\":\"failed\",\"error\":\"NOT_FOUND\"}],"
                   "\"group\":1,\"index\":3,"
                   "\"timestamp\":\"9007199254740996\"}\n");
    assert_answers("{\"id\":6,\"op\":\"incr\",\"key\":\"a\",\"by\":9223372036854775806}\n",
                   "{\"id\":6,\"op\":\"incr\",\"status\":\"ok\",\"result\":9223372036854775807,"
                   "\"group\":1,\"index\":4,\"timestamp\":\"9007199254740997\"}\n");
    assert_answers("{\"id\":7,\"op\":\"mget\",\"keys\":[\"a\",\"b\"]}\n",
                   "{\"id\":7,\"op\":\"mget\",\"status\":\"ok\","
                   "\"result\":[\"9223372036854775807\",null],\"group\":1,\"index\":4}\n");
    assert_answers("{\"id\":8,\"op\":\"mput\",\"pairs\":{\"c\":\"3\",\"d\":{\"hex\":\"ff\"}}}\n",
                   "{\"id\":8,\"op\":\"mput\",\"status\":\"ok\",\"result\":true,\"group\":1,"
                   "\"index\":5,\"timestamp\":\"9007199254740998\"}\n");
    assert_answers("{\"id\":9,\"op\":\"scan\",\"from\":\"b\",\"limit\":2}\n",
                   "{\"id\":9,\"op\":\"scan\",\"status\":\"ok\","
                   "\"result\":[[\"c\",\"3\"],[\"d\",{\"hex\":\"ff\"}]],\"more\":false,\"group\":1,"
                   "\"index\":5}\n");
    assert_answers("{\"op\":\"scan\",\"limit\":1}",
                   "{\"id\":null,\"op\":\"scan\",\"status\":\"ok\","
                   "\"result\":[[\"a\",\"9223372036854775807\"]],\"more\":true,\"group\":1,"
                   "\"index\":5}\n");
}

static void placement_and_transactions_have_their_answers(void **state)
{
    (void)state;
    assert_answers("{\"id\":1,\"op\":\"create\",\"key\":\"a\",\"value\":\"1\",\"on\":2}\n",
                   "{\"id\":1,\"op\":\"create\",\"status\":\"ok\",\"result\":true,\"verdicts\":["
                   "{\"status\":\"ok\",\"partition\":2}],\"group\":1,\"index\":1,"
                   "\"timestamp\":\"9007199254740994\"}\n");
    assert_answers("{\"id\":2,\"op\":\"where\",\"keys\":[\"a\",\"b\"]}\n",
                   "{\"id\":2,\"op\":\"where\",\"status\":\"ok\",\"result\":["
                   "{\"partition\":2,\"placed\":true,\"exists\":true,\"since\":\"77\"},"
                   "{\"partition\":1,\"placed\":false,\"exists\":null,\"since\":null}],"
                   "\"group\":1,\"index\":1}\n");
    assert_answers("{\"id\":3,\"op\":\"move\",\"keys\":[\"a\",\"b\"],\"to\":\"1\"}\n",
                   "{\"id\":3,\"op\":\"move\",\"status\":\"failed\",\"result\":null,\"error\":"
                   "\"NOT_FOUND\",\"text\":\"no such key\",\"verdicts\":["
                   "{\"status\":\"ok\",\"partition\":1},"
                   "{\"status\":\"failed\",\"error\":\"NOT_FOUND\"}],\"group\":1,\"index\":2,"
                   "\"timestamp\":\"9007199254740995\"}\n");
    assert_answers("{\"id\":4,\"op\":\"partitions\"}\n",
                   "{\"id\":4,\"op\":\"partitions\",\"status\":\"ok\",\"result\":["
                   "{\"partition\":1,\"placed\":0},{\"partition\":2,\"placed\":0}],\"group\":1,"
                   "\"index\":2}\n");
    assert_answers("{\"id\":5,\"op\":\"history\",\"limit\":1}\n",
                   "{\"id\":5,\"op\":\"history\",\"status\":\"ok\",\"result\":["
                   "{\"key\":\"k\",\"change\":\"delete\",\"from\":2,\"to\":null,"
                   "\"timestamp\":\"77\"}],\"more\":true,\"group\":1,\"index\":2}\n");
    assert_answers("{\"id\":6,\"op\":\"txn\",\"guards\":[[\"eq\",\"a\",\"1\"]],\"ops\":["
                   "[\"get\",\"a\"],[\"incr\",\"b\",-5],[\"get\",\"z\"]],\"policy\":\"borrow\"}\n",
                   "{\"id\":6,\"op\":\"txn\",\"status\":\"ok\",\"result\":true,"
                   "\"guards_held\":true,\"rows\":[[\"a\",\"1\"],[\"b\",\"-5\"],[\"z\",null]],"
                   "\"group\":1,\"index\":3,\"timestamp\":\"9007199254740996\"}\n");
    assert_int_equal(fake.policy_seen, KV_POLICY_BORROW);
    assert_answers("{\"id\":7,\"op\":\"delete\",\"keys\":[\"a\",\"b\"]}\n",
                   "{\"id\":7,\"op\":\"delete\",\"status\":\"ok\",\"result\":true,\"verdicts\":["
                   "{\"status\":\"ok\",\"partition\":1},{\"status\":\"ok\",\"partition\":1}],"
                   "\"group\":1,\"index\":4,\"timestamp\":\"9007199254740997\"}\n");
}

static void a_malformed_line_is_answered_and_the_next_one_runs(void **state)
{
    (void)state;
    const struct captured got =
        run_with("garbage\n"
                 "\n"
                 "  \r\n"
                 "{\"id\":2,\"op\":\"frob\"}\r\n"
                 "{\"id\":3,\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\r\n",
                 "pipe");
    assert_int_equal(got.code, 0);
    json_t *json = json_line(got.out, 0);
    assert_true(json_is_null(json_object_get(json, "id")));
    assert_string_equal(json_string_value(json_object_get(json, "error")), "BAD_REQUEST");
    json = json_line(got.out, 1);
    assert_int_equal(json_integer_value(json_object_get(json, "id")), 2);
    assert_string_equal(json_string_value(json_object_get(json, "status")), "failed");
    json = json_line(got.out, 2);
    assert_int_equal(json_integer_value(json_object_get(json, "id")), 3);
    assert_string_equal(json_string_value(json_object_get(json, "status")), "ok");
}

static void a_line_that_is_too_long_is_answered_once_and_skipped(void **state)
{
    (void)state;
    static const char tail[] = "\n{\"id\":2,\"op\":\"get\",\"key\":\"a\"}\n";
    const size_t size = 2 * (size_t)KVCTL_LINE_BYTES_MAX + 100;
    char *input = kv_alloc(size + sizeof(tail));
    memset(input, 'x', size);
    memcpy(input + size, tail, sizeof(tail));
    const struct captured got =
        captured_run(input, size + sizeof(tail) - 1, (const char *const[]){"kvctl", "pipe", NULL});
    kv_free(input);
    assert_int_equal(got.code, 0);
    json_t *json = json_line(got.out, 0);
    assert_string_equal(json_string_value(json_object_get(json, "error")), "BAD_REQUEST");
    json = json_line(got.out, 1);
    assert_int_equal(json_integer_value(json_object_get(json, "id")), 2);
    assert_string_equal(strchr(strchr(got.out, '\n') + 1, '\n'), "\n"); /* and no third line */
}

static void writes_in_doubt_end_with_6_and_failed_ones_with_0(void **state)
{
    (void)state;
    fake.next_status = KV_UNAVAILABLE;
    struct captured got = run_with("{\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n", "pipe");
    assert_int_equal(got.code, 0);
    assert_string_equal(json_string_value(json_object_get(json_line(got.out, 0), "error")),
                        "UNAVAILABLE");
    fake.next_status = KV_IN_DOUBT;
    got = run_with("{\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n", "pipe");
    assert_int_equal(got.code, 6);
    assert_string_equal(json_string_value(json_object_get(json_line(got.out, 0), "status")),
                        "in_doubt");
    fake.next_status = KV_IN_DOUBT;
    got = run_with("{\"op\":\"get\",\"key\":\"a\"}\n", "pipe");
    assert_int_equal(got.code, 0);
    assert_string_equal(json_string_value(json_object_get(json_line(got.out, 0), "status")),
                        "failed");
}

/* Requests 0..count-1 that add one each. */
static struct kv_buffer increments(int count)
{
    struct kv_buffer input = {0};
    for (int i = 0; i < count; i++) {
        char line[64];
        const int size =
            snprintf(line, sizeof(line), "{\"id\":%d,\"op\":\"incr\",\"key\":\"n\"}\n", i);
        kv_buffer_append(&input, line, (size_t)size);
    }
    return input;
}

static void assert_all_answered(const char *out, int count)
{
    bool *seen = kv_alloc_zero((size_t)count, sizeof(*seen));
    int lines = 0;
    for (const char *line = out; *line != '\0'; line = strchr(line, '\n') + 1, lines++) {
        json_t *json = json_line(line, 0);
        const json_int_t id = json_integer_value(json_object_get(json, "id"));
        assert_string_equal(json_string_value(json_object_get(json, "status")), "ok");
        assert_in_range(id, 0, count - 1);
        assert_false(seen[id]);
        seen[id] = true;
    }
    assert_int_equal(lines, count);
    kv_free(seen);
}

static void many_are_in_flight_but_never_more_than_1024(void **state)
{
    (void)state;
    struct kv_buffer input = increments(5000);
    fake.hold = 1024;
    const struct captured got = captured_run((const char *)input.data, input.size,
                                             (const char *const[]){"kvctl", "pipe", NULL});
    assert_int_equal(got.code, 0);
    assert_int_equal(fake.outstanding_seen, 1024);
    assert_all_answered(got.out, 5000);
    kv_buffer_close(&input);
}

static void a_busy_library_only_delays(void **state)
{
    (void)state;
    struct kv_buffer input = increments(3000);
    fake.hold = 100;
    fake.outstanding_max = 100;
    fake.busy = 50;
    const struct captured got = captured_run((const char *)input.data, input.size,
                                             (const char *const[]){"kvctl", "pipe", NULL});
    assert_int_equal(got.code, 0);
    assert_all_answered(got.out, 3000);
    kv_buffer_close(&input);
}

/* A kvctl pipe in a child, to be spoken with. */
struct conversation {
    pid_t pid;
    int to, from;
};

static struct conversation start_conversation(void)
{
    int in[2], out[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    struct conversation talk = {.to = in[1], .from = out[0]};
    talk.pid = fork();
    if (talk.pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        kvctl_catch_signals();
        const char *const words[] = {"kvctl", "pipe", NULL};
        _exit((int)kvctl_main(2, (char *const *)(uintptr_t)words));
    }
    close(in[0]);
    close(out[1]);
    return talk;
}

static int end_conversation(struct conversation talk)
{
    int status;
    close(talk.to);
    close(talk.from);
    assert_int_equal(waitpid(talk.pid, &status, 0), talk.pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Read one line within the time that a test may take. */
static void read_line(int descriptor, char *line, size_t size)
{
    size_t used = 0;
    do {
        struct pollfd readable = {.fd = descriptor, .events = POLLIN};
        assert_int_equal(poll(&readable, 1, 10000), 1);
        assert_int_equal(read(descriptor, line + used, 1), 1);
    } while (line[used++] != '\n' && used < size - 1);
    line[used] = '\0';
}

static void answers_come_while_stdin_stays_open(void **state)
{
    (void)state;
    static const char request[] = "{\"id\":1,\"op\":\"incr\",\"key\":\"n\"}\n";
    const struct conversation talk = start_conversation();
    char line[256];
    for (int i = 1; i <= 3; i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "\"result\":%d,", i);
        assert_int_equal(write(talk.to, request, strlen(request)), strlen(request));
        read_line(talk.from, line, sizeof(line));
        assert_non_null(strstr(line, expected));
    }
    assert_int_equal(write(talk.to, request, 10), 10); /* half a line is no line yet */
    assert_int_equal(write(talk.to, request + 10, strlen(request) - 10), strlen(request) - 10);
    read_line(talk.from, line, sizeof(line));
    assert_non_null(strstr(line, "\"result\":4,"));
    assert_int_equal(end_conversation(talk), 0);
}

static void nobody_who_reads_late_blocks_it_for_ever(void **state)
{
    (void)state;
    enum { REQUESTS = 20000 };
    struct kv_buffer input = increments(REQUESTS);
    const struct conversation talk = start_conversation();
    size_t written = 0;
    while (written < input.size) { /* all is written before anything is read */
        const ssize_t size = write(talk.to, input.data + written, input.size - written);
        assert_true(size > 0);
        written += (size_t)size;
    }
    char line[256];
    for (int i = 1; i <= REQUESTS; i++) {
        read_line(talk.from, line, sizeof(line));
    }
    assert_non_null(strstr(line, "\"result\":20000,"));
    assert_int_equal(end_conversation(talk), 0);
    kv_buffer_close(&input);
}

static void an_interrupt_ends_it_with_130(void **state)
{
    (void)state;
    static const char request[] = "{\"id\":1,\"op\":\"incr\",\"key\":\"n\"}\n";
    const struct conversation talk = start_conversation();
    char line[256];
    assert_int_equal(write(talk.to, request, strlen(request)), strlen(request));
    read_line(talk.from, line, sizeof(line));
    kill(talk.pid, SIGINT);
    int status;
    assert_int_equal(waitpid(talk.pid, &status, 0), talk.pid);
    assert_int_equal(WEXITSTATUS(status), 130);
    close(talk.to);
    close(talk.from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_operation_has_its_answer, set_up),
        cmocka_unit_test_setup(placement_and_transactions_have_their_answers, set_up),
        cmocka_unit_test_setup(a_malformed_line_is_answered_and_the_next_one_runs, set_up),
        cmocka_unit_test_setup(a_line_that_is_too_long_is_answered_once_and_skipped, set_up),
        cmocka_unit_test_setup(writes_in_doubt_end_with_6_and_failed_ones_with_0, set_up),
        cmocka_unit_test_setup(many_are_in_flight_but_never_more_than_1024, set_up),
        cmocka_unit_test_setup(a_busy_library_only_delays, set_up),
        cmocka_unit_test_setup(answers_come_while_stdin_stays_open, set_up),
        cmocka_unit_test_setup(nobody_who_reads_late_blocks_it_for_ever, set_up),
        cmocka_unit_test_setup(an_interrupt_ends_it_with_130, set_up),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_reset();
    return failed;
}
