/* SPDX-License-Identifier: Apache-2.0 */
/* multicast_log: a log in several parts, on multicast/multicast.h. Entries may be appended to one part or to several at once; those
 * that two parts have in common are in the same order in both.
 *
 *     multicast_log serve CLUSTER_FILE NODE DIRECTORY     one replica of every part that the file puts on this node
 *     multicast_log append ENDPOINTS GROUPS TEXT          GROUPS: "1" or "1,2"
 *     multicast_log append ENDPOINTS                      lines "GROUPS TEXT" from standard input; one line of answer for each
 *     multicast_log read ENDPOINTS GROUP                  all entries: timestamp and text
 *     multicast_log bench ENDPOINTS [ROUNDS [MESSAGES]]   latency of messages to one and to two groups, in turn
 *
 * Exit status: 0 done; 1 failed, nothing happened; 2 usage; 3 it may have happened. tests/system/multicast_log.sh runs it. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "multicast/multicast.h"

#define TIMEOUT_MS 20000

enum { DONE = 0, FAILED = 1, USAGE = 2, PERHAPS = 3 };

/* ---- The service: one text that grows. It keeps the rules of multicast.h by being a function of what is delivered. ---- */

struct text {
    char *bytes;
    size_t size, capacity;
    char answer[32];
};

static void add_text(struct text *text, const void *bytes, size_t size)
{
    if (text->size + size > text->capacity) {
        text->capacity = 2 * (text->size + size);
        text->bytes = realloc(text->bytes, text->capacity);
        if (text->bytes == NULL) {
            abort();
        }
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static void deliver(void *state, const multicast_message *message, multicast_bytes *ret_answer)
{
    struct text *text = state;
    char stamp[48];
    int size = snprintf(stamp, sizeof stamp, "%" PRIu64 ".%" PRIu32 " ", message->clock,
                        message->clock_group);
    add_text(text, stamp, (size_t)size);
    add_text(text, message->body.data, message->body.size);
    add_text(text, "\n", 1);
    size = snprintf(text->answer, sizeof text->answer, "%" PRIu64, message->position);
    *ret_answer = (multicast_bytes){text->answer, (size_t)size};
}

/* The question is a number: how many bytes of the text are known already. An answer is bounded, so a reader asks until there is no more. */
static bool read_text(void *state, multicast_bytes question, multicast_bytes *ret_answer)
{
    struct text *text = state;
    uint64_t from;
    if (question.size != sizeof from) {
        return false;
    }
    memcpy(&from, question.data, sizeof from);
    size_t left = from < text->size ? text->size - (size_t)from : 0;
    *ret_answer = (multicast_bytes){
        left > 0 ? text->bytes + from : NULL,
        left < MULTICAST_BODY_BYTES_MAX ? left : MULTICAST_BODY_BYTES_MAX,
    };
    return true;
}

static uint64_t digest(const void *state)
{
    const struct text *text = state;
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < text->size; i++) {
        hash = (hash ^ (unsigned char)text->bytes[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

static void close_text(void *state)
{
    struct text *text = state;
    free(text->bytes);
    free(text);
}

static multicast_service make_service(uint32_t group, void *context)
{
    static const multicast_service_ops ops = {deliver, read_text, digest, close_text};
    struct text *text = calloc(1, sizeof *text);
    (void)group;
    (void)context;
    if (text == NULL) {
        abort();
    }
    return (multicast_service){.ops = &ops, .state = text};
}

static void report(const char *line, void *context)
{
    fprintf(stderr, "node %s: %s\n", (const char *)context, line);
}

static int serve(char **arguments)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    multicast_server_settings settings = {
        .cluster_file = arguments[0],
        .node = (uint32_t)strtoul(arguments[1], NULL, 10),
        .directory = arguments[2],
        .stop_fd = signalfd(-1, &signals, SFD_CLOEXEC),
        .service = make_service,
        .report = report,
        .report_context = arguments[1],
    };
    multicast_server *server;
    char error[MULTICAST_ERROR_BYTES] = "";
    multicast_status status = multicast_server_open(&settings, &server, error);
    if (status == MULTICAST_OK) {
        status = multicast_server_run(server, error);
        multicast_server_close(server);
    }
    if (status != MULTICAST_OK) {
        fprintf(stderr, "multicast_log: %s: %s\n", multicast_status_text(status), error);
    }
    return status == MULTICAST_OK ? DONE : FAILED;
}

/* ---- The client ---- */

static uint32_t parse_groups(const char *text, uint32_t groups[MULTICAST_GROUPS_MAX])
{
    uint32_t count = 0;
    char *end = NULL;
    do {
        groups[count++] = (uint32_t)strtoul(text, &end, 10);
        text = end + 1;
    } while (*end == ',' && count < MULTICAST_GROUPS_MAX);
    return count;
}

static int append_one(multicast_client *client, const char *to, const char *text)
{
    uint32_t groups[MULTICAST_GROUPS_MAX];
    uint32_t count = parse_groups(to, groups);
    multicast_result *result = NULL;
    multicast_status status =
        multicast_submit(client, groups, count, (multicast_bytes){text, strlen(text)},
                         MULTICAST_WAIT_ALL, TIMEOUT_MS, &result);
    if (status != MULTICAST_OK && status != MULTICAST_PARTIAL) {
        printf("%s %s: %s\n", status == MULTICAST_UNKNOWN ? "perhaps" : "failed", text,
               multicast_client_error(client));
        return status == MULTICAST_UNKNOWN ? PERHAPS : FAILED;
    }
    printf("ok %s", text);
    for (uint32_t i = 0; i < multicast_result_count(result); i++) {
        multicast_answer answer = multicast_result_get(result, i);
        if (answer.answered) {
            printf(" %" PRIu32 ":%.*s", answer.group, (int)answer.body.size,
                   (const char *)answer.body.data);
        }
    }
    printf("\n");
    multicast_result_free(result);
    return DONE;
}

static int append_lines(multicast_client *client)
{
    char *line = NULL;
    size_t capacity = 0;
    int worst = DONE;
    while (getline(&line, &capacity, stdin) > 0) {
        char *text = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        if (text != NULL) {
            *text++ = '\0';
            int status = append_one(client, line, text);
            worst = status > worst ? status : worst;
        }
    }
    free(line);
    return worst;
}

static int read_all(multicast_client *client, const char *group)
{
    for (uint64_t known = 0;;) {
        multicast_result *result;
        multicast_status status =
            multicast_read(client, (uint32_t)strtoul(group, NULL, 10),
                           (multicast_bytes){&known, sizeof known}, TIMEOUT_MS, &result);
        if (status != MULTICAST_OK) {
            fprintf(stderr, "multicast_log: %s: %s\n", multicast_status_text(status),
                    multicast_client_error(client));
            return FAILED;
        }
        multicast_bytes page = multicast_result_get(result, 0).body;
        if (page.size > 0) {
            fwrite(page.data, 1, page.size, stdout);
        }
        known += page.size;
        size_t size = page.size;
        multicast_result_free(result);
        if (size == 0) {
            return DONE;
        }
    }
}

/* ---- The bench: a closed loop of one client; each kind of message in turn, so that both meet the same machine ---- */

#define ROUNDS_MAX   1000u
#define MESSAGES_MAX 100000u

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Latency of one message; negative: it failed. */
static double time_one(multicast_client *client, const uint32_t *groups, uint32_t count)
{
    double begin = now_us();
    multicast_status status =
        multicast_submit(client, groups, count, (multicast_bytes){"sixteen bytes...", 16},
                         MULTICAST_WAIT_ALL, TIMEOUT_MS, NULL);
    return status == MULTICAST_OK ? now_us() - begin : -1;
}

static bool run_round(multicast_client *client, double *one, double *two, uint32_t messages)
{
    static const uint32_t first[] = {1}, second[] = {2}, both[] = {1, 2};
    for (uint32_t i = 0; i < messages; i++) {
        one[i] = time_one(client, i % 2 == 0 ? first : second, 1);
        two[i] = time_one(client, both, 2);
        if (one[i] < 0 || two[i] < 0) {
            fprintf(stderr, "multicast_log: %s\n", multicast_client_error(client));
            return false;
        }
    }
    return true;
}

static int bench(multicast_client *client, uint32_t rounds, uint32_t messages)
{
    static double one[MESSAGES_MAX], two[MESSAGES_MAX];
    static double ones[ROUNDS_MAX], twos[ROUNDS_MAX], ratios[ROUNDS_MAX];
    if (rounds == 0 || rounds > ROUNDS_MAX || messages == 0 || messages > MESSAGES_MAX) {
        return USAGE;
    }
    if (!run_round(client, one, two, messages < 100 ? messages : 100)) { /* to warm up */
        return FAILED;
    }
    printf("round  one group us  two groups us  ratio\n");
    for (uint32_t r = 0; r < rounds; r++) {
        if (!run_round(client, one, two, messages)) {
            return FAILED;
        }
        ones[r] = median(one, messages);
        twos[r] = median(two, messages);
        ratios[r] = twos[r] / ones[r];
        printf("%5u  %12.0f  %13.0f  %5.2f\n", r + 1, ones[r], twos[r], ratios[r]);
    }
    double middle_one = median(ones, rounds), middle_two = median(twos, rounds);
    double middle = median(ratios, rounds);
    printf("median of %u rounds of %u: one group %.0f us (%.0f to %.0f), two groups %.0f us "
           "(%.0f to %.0f), ratio %.2f (%.2f to %.2f)\n",
           rounds, messages, middle_one, ones[0], ones[rounds - 1], middle_two, twos[0],
           twos[rounds - 1], middle, ratios[0], ratios[rounds - 1]);
    return DONE;
}

static int with_client(const char *mode, int count, char **arguments)
{
    multicast_client *client;
    int result = USAGE;
    multicast_status status = multicast_client_open(arguments[0], &client);
    if (status != MULTICAST_OK) {
        fprintf(stderr, "multicast_log: endpoints %s: %s\n", arguments[0],
                multicast_status_text(status));
        return FAILED;
    }
    if (strcmp(mode, "append") == 0 && count == 1) {
        result = append_lines(client);
    } else if (strcmp(mode, "append") == 0 && count == 3) {
        result = append_one(client, arguments[1], arguments[2]);
    } else if (strcmp(mode, "read") == 0 && count == 2) {
        result = read_all(client, arguments[1]);
    } else if (strcmp(mode, "bench") == 0 && count <= 3) {
        result = bench(client, count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 5,
                       count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 500);
    }
    multicast_client_close(client);
    return result;
}

int main(int count, char **arguments)
{
    int result = USAGE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 5 && strcmp(arguments[1], "serve") == 0) {
        return serve(arguments + 2);
    }
    if (count > 2) {
        result = with_client(arguments[1], count - 2, arguments + 2);
    }
    if (result == USAGE) {
        fprintf(stderr, "usage: multicast_log serve CLUSTER_FILE NODE DIRECTORY\n"
                        "       multicast_log append ENDPOINTS [GROUPS TEXT]\n"
                        "       multicast_log read ENDPOINTS GROUP\n"
                        "       multicast_log bench ENDPOINTS [ROUNDS [MESSAGES]]\n");
    }
    return result;
}
