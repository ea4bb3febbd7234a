/* SPDX-License-Identifier: Apache-2.0 */
/* failpoint: what is armed, how often each point was passed, and what happens there. */
#include "multicast/base/failpoint.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The longest delay: longer than any time-out of the program. */
#define FAILPOINT_DELAY_MS_MAX 600000

/* More passings than any run has. */
#define FAILPOINT_PASSINGS_MAX 1000000000

enum failpoint_action {
    FAILPOINT_NOTHING,
    FAILPOINT_KILL,
    FAILPOINT_ABORT,
    FAILPOINT_ERROR,
    FAILPOINT_NOSPACE,
    FAILPOINT_DELAY
};

struct failpoint_armed {
    enum failpoint_action action;
    uint32_t delay_ms;
    uint32_t at; /* passing */
    bool and_later;
};

bool failpoint_any_armed;

static struct failpoint_armed armed[FAILPOINT_COUNT];
static atomic_uint passings[FAILPOINT_COUNT];

static const struct {
    const char *name;
    const char *where;
} points[FAILPOINT_COUNT] = {
#define X(name, text, where) {text, where},
    FAILPOINT_MAP(X)
#undef X
};

static const struct {
    const char *name;
    enum failpoint_action action;
} actions[] = {
    {"kill", FAILPOINT_KILL},       {"abort", FAILPOINT_ABORT},  {"error", FAILPOINT_ERROR},
    {"nospace", FAILPOINT_NOSPACE}, {"delay:", FAILPOINT_DELAY},
};

static bool take(const char **text, const char *word)
{
    const size_t size = strlen(word);
    if (strncmp(*text, word, size) != 0) {
        return false;
    }
    *text += size;
    return true;
}

static bool take_number(const char **text, uint32_t max, uint32_t *ret)
{
    char *end;
    if (**text < '0' || **text > '9') {
        return false;
    }
    const unsigned long number = strtoul(*text, &end, 10);
    *text = end;
    *ret = (uint32_t)number;
    return number <= max;
}

/* The point whose name the text begins with, up to its '='; FAILPOINT_COUNT: none. */
static enum failpoint take_point(const char **text)
{
    const size_t size = strcspn(*text, "=,");
    unsigned point = 0;
    while (point < FAILPOINT_COUNT &&
           (strlen(points[point].name) != size || memcmp(points[point].name, *text, size) != 0)) {
        point++;
    }
    *text += point < FAILPOINT_COUNT ? size : 0;
    return (enum failpoint)point;
}

/* ACTION[@N[+]] up to a comma or the end; what is wrong with it, or NULL. */
static const char *take_action(const char **text, struct failpoint_armed *ret)
{
    *ret = (struct failpoint_armed){.at = 1};
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (take(text, actions[i].name)) {
            ret->action = actions[i].action;
            break;
        }
    }
    if (ret->action == FAILPOINT_NOTHING) {
        return "the actions are kill, abort, error, nospace, delay:MS";
    }
    if (ret->action == FAILPOINT_DELAY &&
        !take_number(text, FAILPOINT_DELAY_MS_MAX, &ret->delay_ms)) {
        return "delay: needs milliseconds, up to 600000";
    }
    if (take(text, "@")) {
        if (!take_number(text, FAILPOINT_PASSINGS_MAX, &ret->at) || ret->at == 0) {
            return "@ needs the number of a passing, from 1";
        }
        ret->and_later = take(text, "+");
    }
    return **text == '\0' || take(text, ",") ? NULL : "a comma is needed before the next point";
}

enum status failpoint_arm(const char *text, char *error)
{
    struct failpoint_armed wanted[FAILPOINT_COUNT] = {{0}};
    bool any = false;
    while (text != NULL && *text != '\0') {
        const char *item = text;
        const char *wrong = NULL;
        const enum failpoint point = take_point(&text);
        if (point == FAILPOINT_COUNT) {
            wrong = "there is no such point";
        } else if (wanted[point].action != FAILPOINT_NOTHING) {
            wrong = "the point is there twice";
        } else if (!take(&text, "=")) {
            wrong = "= and an action are needed";
        } else {
            wrong = take_action(&text, &wanted[point]);
        }
        if (wrong != NULL) {
            snprintf(error, FAILPOINT_ERROR_BYTES, "'%.*s': %s", (int)strcspn(item, ","), item,
                     wrong);
            return STATUS_INVALID;
        }
        any = true;
    }
    failpoint_disarm();
    memcpy(armed, wanted, sizeof(armed));
    failpoint_any_armed = any;
    return STATUS_OK;
}

void failpoint_disarm(void)
{
    failpoint_any_armed = false;
    memset(armed, 0, sizeof(armed));
    for (unsigned i = 0; i < FAILPOINT_COUNT; i++) {
        atomic_store(&passings[i], 0);
    }
}

void failpoint_list(FILE *file)
{
    for (unsigned i = 0; i < FAILPOINT_COUNT; i++) {
        fprintf(file, "%-24s%s\n", points[i].name, points[i].where);
    }
}

/* One write, no buffer: the process may be gone a moment later. */
static void tell(enum failpoint point, unsigned passing)
{
    char line[128];
    const int size =
        snprintf(line, sizeof(line), "failpoint %s: passing %u\n", points[point].name, passing);
    const ssize_t told = write(STDERR_FILENO, line, (size_t)size);
    (void)told; /* nobody to complain to */
}

int failpoint_pass(enum failpoint point)
{
    const struct failpoint_armed *what = &armed[point];
    const unsigned passing = atomic_fetch_add(&passings[point], 1) + 1;
    if (what->action == FAILPOINT_NOTHING ||
        (what->and_later ? passing < what->at : passing != what->at)) {
        return 0;
    }
    tell(point, passing);
    switch (what->action) {
    case FAILPOINT_NOTHING:
        return 0;
    case FAILPOINT_KILL:
        kill(getpid(), SIGKILL);
        pause(); /* until it arrives */
        return 0;
    case FAILPOINT_ABORT:
        abort();
    case FAILPOINT_ERROR:
        return -EIO;
    case FAILPOINT_NOSPACE:
        return -ENOSPC;
    case FAILPOINT_DELAY:
        nanosleep(&(struct timespec){.tv_sec = what->delay_ms / 1000,
                                     .tv_nsec = (long)(what->delay_ms % 1000) * 1000000},
                  NULL);
        return 0;
    }
    return 0;
}
