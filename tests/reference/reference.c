/* SPDX-License-Identifier: Apache-2.0 */
/* reference: see the header. */
#include <string.h>

#include "tests/reference/reference_internal.h"

struct reference *reference_new(uint32_t partitions, uint32_t sessions_max)
{
    struct reference *reference = kv_alloc_zero(1, sizeof(*reference));
    reference->partitions = partitions;
    reference->texts = kv_alloc(REFERENCE_TEXTS_BYTES);
    for (uint32_t g = 0; g <= partitions; g++) {
        reference->sessions[g] = reference_sessions_new(sessions_max);
    }
    return reference;
}

void reference_close(struct reference **reference)
{
    for (uint32_t g = 0; g <= (*reference)->partitions; g++) {
        reference_sessions_close(&(*reference)->sessions[g]);
    }
    for (uint32_t i = 0; i < (*reference)->count; i++) {
        kv_free((*reference)->variables[i]);
    }
    kv_free((*reference)->variables);
    kv_free((*reference)->errands);
    kv_free((*reference)->texts);
    kv_free(*reference);
    *reference = NULL;
}

/* ---- Variables ---- */

static struct variable *look(const struct reference *reference, kv_slice key)
{
    for (uint32_t i = 0; i < reference->count; i++) {
        struct variable *variable = reference->variables[i];
        if (kv_slice_equal(kv_slice_of(variable->key, variable->key_size), key)) {
            return variable;
        }
    }
    return NULL;
}

static struct variable *need(struct reference *reference, kv_slice key)
{
    struct variable *variable = look(reference, key);
    if (variable != NULL) {
        return variable;
    }
    if (reference->count == reference->capacity) {
        reference->capacity = reference->capacity == 0 ? 32 : 2 * reference->capacity;
        reference->variables =
            kv_realloc(reference->variables, reference->capacity * sizeof(struct variable *));
    }
    variable = kv_alloc_zero(1, sizeof(*variable));
    KV_ASSERT(key.size <= sizeof(variable->key));
    memcpy(variable->key, key.data, key.size);
    variable->key_size = key.size;
    reference->variables[reference->count++] = variable;
    return variable;
}

static void assign(struct variable *variable, kv_slice value, kv_timestamp version)
{
    KV_ASSERT(value.size <= sizeof(variable->value));
    memmove(variable->value, value.data, value.size);
    variable->size = value.size;
    variable->version = version;
    variable->present = true;
}

static struct reference_key key_of(const struct reference *reference,
                                   const struct variable *variable)
{
    const kv_slice key = kv_slice_of(variable->key, variable->key_size);
    return (struct reference_key){
        .key = key,
        .present = variable->present,
        .group = variable->present ? variable->group : wire_home_of(key, reference->partitions),
        .value = kv_slice_of(variable->value, variable->present ? variable->size : 0),
        .version = variable->version,
    };
}

struct reference_key reference_find(const struct reference *reference, kv_slice key)
{
    const struct variable *variable = look(reference, key);
    if (variable == NULL) {
        return (struct reference_key){.key = key,
                                      .group = wire_home_of(key, reference->partitions)};
    }
    return key_of(reference, variable);
}

bool reference_at(const struct reference *reference, uint32_t i, struct reference_key *ret)
{
    if (i >= reference->count) {
        return false;
    }
    *ret = key_of(reference, reference->variables[i]);
    return true;
}

uint32_t reference_present(const struct reference *reference)
{
    uint32_t present = 0;
    for (uint32_t i = 0; i < reference->count; i++) {
        present += reference->variables[i]->present ? 1 : 0;
    }
    return present;
}

/* ---- Where a command goes, and what is said of that ---- */

static bool is_access(enum wire_op op)
{
    return op == WIRE_OP_GET || op == WIRE_OP_MGET || op == WIRE_OP_PUT || op == WIRE_OP_MPUT ||
           op == WIRE_OP_PUT_IF_ABSENT || op == WIRE_OP_CAS || op == WIRE_OP_INCR ||
           op == WIRE_OP_APPEND || op == WIRE_OP_TXN;
}

static kv_group_id believed(const struct reference *reference, uint32_t i)
{
    const struct wire_command *command = &reference->command;
    return command->owner_count > 0
               ? (kv_group_id){command->owners[i]}
               : (kv_group_id){(uint16_t)__builtin_ctzll(reference->message->destinations.bits)};
}

static kv_group_id home(const struct reference *reference, uint32_t i)
{
    return wire_home_of(reference->command.keys[i], reference->partitions);
}

static bool removes(const struct wire_command *command, uint32_t i)
{
    bool removes = command->op == WIRE_OP_DELETE;
    const uint32_t steps =
        command->guard_count + command->branch_count[0] + command->branch_count[1];
    for (uint32_t s = command->guard_count; s < steps && command->op == WIRE_OP_TXN; s++) {
        removes =
            removes || (command->steps[s].key == i && command->steps[s].kind == WIRE_STEP_DELETE);
    }
    return removes;
}

/* P10: whether home's stub and the oracle's map may change. */
static bool changes_place(const struct reference *reference, uint32_t i)
{
    const struct wire_command *command = &reference->command;
    const kv_group_id owner = believed(reference, i);
    if (command->op == WIRE_OP_CREATE) {
        return !kv_group_equal(command->target, home(reference, i));
    }
    if (command->op == WIRE_OP_MOVE || command->policy == WIRE_POLICY_MOVE) {
        if (!kv_group_equal(command->target, owner)) {
            return true;
        }
    }
    return removes(command, i) && !kv_group_equal(owner, home(reference, i));
}

static bool is_execution(kv_message_id id)
{
    return id.attempt > KV_ATTEMPT_MAX;
}

static bool is_pinned(const struct reference *reference, kv_slice key)
{
    for (uint32_t e = 0; e < reference->errand_count; e++) {
        const struct errand *errand = &reference->errands[e];
        for (uint32_t i = 0; i < errand->count; i++) {
            if (kv_slice_equal(kv_slice_of(errand->keys[i], errand->sizes[i]), key)) {
                return true;
            }
        }
    }
    return false;
}

static bool pins_matter(const struct reference *reference, uint32_t i)
{
    return kv_group_set_has(reference->message->destinations, KV_GROUP_ORACLE) &&
           !is_execution(reference->message->id) && changes_place(reference, i) &&
           reference->refusals[0] == WIRE_VERDICT_OK &&
           is_pinned(reference, reference->command.keys[i]);
}

static bool refused_at(const struct reference *reference, kv_group_id group)
{
    return reference->refusals[group.value] != WIRE_VERDICT_OK;
}

/* P2, P3: the believed owner has it, or is home and it is nowhere. */
static bool is_stale(const struct reference *reference, uint32_t i)
{
    const kv_group_id owner = believed(reference, i);
    const struct reference_key key = reference_find(reference, reference->command.keys[i]);
    return !refused_at(reference, owner) && !kv_group_equal(owner, key.group);
}

/* The strongest refusal of a destination. */
static enum wire_verdict refusal(const struct reference *reference)
{
    enum wire_verdict strongest = WIRE_VERDICT_OK;
    for (uint32_t g = 0; g <= reference->partitions; g++) {
        if (reference->refusals[g] == WIRE_VERDICT_REFUSED ||
            (reference->refusals[g] != WIRE_VERDICT_OK && strongest == WIRE_VERDICT_OK)) {
            strongest = reference->refusals[g];
        }
    }
    return strongest;
}

/* ---- Commands that are atomic over all keys ---- */

static enum wire_verdict access_refusal(const struct reference *reference)
{
    bool stale = false, pinned = false;
    for (uint32_t i = 0; i < reference->command.key_count; i++) {
        stale = stale || is_stale(reference, i);
        pinned = pinned || pins_matter(reference, i);
    }
    return stale ? WIRE_VERDICT_STALE : pinned ? WIRE_VERDICT_PINNED : refusal(reference);
}

static void run_access(struct reference *reference, struct wire_answer *ret)
{
    const struct wire_command *command = &reference->command;
    const kv_timestamp timestamp = reference->message->timestamp;
    wire_answer_begin(ret, access_refusal(reference));
    if (ret->verdict != WIRE_VERDICT_OK) {
        return;
    }
    reference_do_access(reference, ret);
    const bool done = ret->verdict == WIRE_VERDICT_OK;
    for (uint32_t i = 0; i < command->key_count && done; i++) {
        struct draft *draft = &reference->drafts[i];
        struct variable *variable = need(reference, command->keys[i]);
        if (!variable->present) {
            variable->group = home(reference, i);
        }
        if (draft->written && draft->present) {
            assign(variable, draft->value, timestamp);
        } else if (draft->written) {
            variable->present = false;
        }
        if (command->policy == WIRE_POLICY_MOVE && variable->present) {
            variable->group = command->target;
        }
    }
    if (!kv_group_set_has(reference->message->destinations, KV_GROUP_ORACLE) || !done) {
        return;
    }
    for (uint32_t i = 0; i < command->key_count; i++) {
        ret->places[ret->place_count++] = (struct wire_place){
            .key = i,
            .verdict = WIRE_VERDICT_OK,
            .group = reference_find(reference, command->keys[i]).group,
            .version = timestamp,
        };
    }
}

/* ---- CREATE, DELETE, MOVE: key by key ---- */

static enum wire_verdict verdict_on_key(const struct reference *reference, uint32_t i)
{
    const struct wire_command *command = &reference->command;
    const struct reference_key key = reference_find(reference, command->keys[i]);
    if (command->op == WIRE_OP_CREATE) {
        if (key.present) {
            return WIRE_VERDICT_EXISTS;
        }
    } else if (is_stale(reference, i)) {
        return WIRE_VERDICT_STALE;
    } else if (!key.present) {
        return WIRE_VERDICT_NOT_FOUND;
    }
    return pins_matter(reference, i) ? WIRE_VERDICT_PINNED : WIRE_VERDICT_OK;
}

static void run_key(struct reference *reference, uint32_t i, struct wire_place *ret)
{
    const struct wire_command *command = &reference->command;
    const kv_timestamp timestamp = reference->message->timestamp;
    *ret = (struct wire_place){.key = i, .verdict = verdict_on_key(reference, i)};
    if (ret->verdict != WIRE_VERDICT_OK) {
        return;
    }
    struct variable *variable = need(reference, command->keys[i]);
    if (command->op == WIRE_OP_DELETE) {
        variable->present = false;
        return;
    }
    if (command->op == WIRE_OP_CREATE) {
        assign(variable, command->values[i], timestamp);
    }
    variable->group = command->target;
    ret->group = command->target;
    ret->version = timestamp;
}

static void run_keys(struct reference *reference, struct wire_answer *ret)
{
    const struct wire_command *command = &reference->command;
    wire_answer_begin(ret, refusal(reference));
    if (ret->verdict != WIRE_VERDICT_OK) {
        return;
    }
    for (uint32_t i = 0; i < command->key_count; i++) {
        run_key(reference, i, &ret->places[ret->place_count++]);
    }
    if (command->key_count == 1) {
        ret->verdict = ret->places[0].verdict;
        const bool plain = command->op == WIRE_OP_DELETE &&
                           kv_group_set_count(reference->message->destinations) == 1;
        ret->place_count = plain ? 0 : 1;
    }
}

/* ---- EXEC ---- */

static void begin_errand(struct reference *reference)
{
    const struct wire_command *command = &reference->command;
    if (reference->errand_count == reference->errand_capacity) {
        reference->errand_capacity =
            reference->errand_capacity == 0 ? 4 : 2 * reference->errand_capacity;
        reference->errands = kv_realloc(reference->errands,
                                        reference->errand_capacity * sizeof(*reference->errands));
    }
    struct errand *errand = &reference->errands[reference->errand_count++];
    *errand = (struct errand){.id = reference->message->id, .count = command->key_count};
    KV_ASSERT(command->key_count <= KV_TXN_STEPS_MAX);
    for (uint32_t i = 0; i < command->key_count; i++) {
        KV_ASSERT(command->keys[i].size <= sizeof(errand->keys[i]));
        memcpy(errand->keys[i], command->keys[i].data, command->keys[i].size);
        errand->sizes[i] = command->keys[i].size;
    }
}

/* D2: whether an earlier errand has one of its keys. */
static bool is_first(const struct reference *reference, uint32_t e)
{
    const struct errand *errand = &reference->errands[e];
    for (uint32_t earlier = 0; earlier < e; earlier++) {
        const struct errand *other = &reference->errands[earlier];
        for (uint32_t i = 0; i < errand->count; i++) {
            for (uint32_t k = 0; k < other->count; k++) {
                if (kv_slice_equal(kv_slice_of(errand->keys[i], errand->sizes[i]),
                                   kv_slice_of(other->keys[k], other->sizes[k]))) {
                    return false;
                }
            }
        }
    }
    return true;
}

static void end_errand(struct reference *reference, enum wire_verdict verdict)
{
    kv_message_id id = reference->message->id;
    id.attempt &= KV_ATTEMPT_MAX;
    for (uint32_t e = 0; e < reference->errand_count; e++) {
        if (!kv_message_id_equal(reference->errands[e].id, id)) {
            continue;
        }
        const bool late = verdict == WIRE_VERDICT_STALE || verdict == WIRE_VERDICT_PINNED;
        reference->alarms += late || !is_first(reference, e) ? 1 : 0;
        if (!late) {
            memmove(&reference->errands[e], &reference->errands[e + 1],
                    (reference->errand_count - e - 1) * sizeof(*reference->errands));
            reference->errand_count--;
        }
        return;
    }
    reference->alarms++; /* nobody asked for it */
}

uint32_t reference_alarms(const struct reference *reference)
{
    return reference->alarms;
}

uint32_t reference_pending(const struct reference *reference)
{
    return reference->errand_count;
}

/* ---- The door ---- */

/* Every destination judges the message; false: one of them has had it before. */
static bool judge(struct reference *reference, const struct reference_message *message)
{
    memset(reference->refusals, 0, sizeof(reference->refusals));
    for (uint32_t g = 0; g <= reference->partitions; g++) {
        reference->refusals[g] = WIRE_VERDICT_OK;
        if (!kv_group_set_has(message->destinations, (kv_group_id){(uint16_t)g})) {
            continue;
        }
        const uint64_t floor = message->floors == NULL ? message->floor : message->floors[g];
        switch (reference_judge(reference->sessions[g], message, floor)) {
        case REFERENCE_RUN:
            break;
        case REFERENCE_KNOWN:
            return false;
        case REFERENCE_REFUSE:
            reference->refusals[g] = WIRE_VERDICT_REFUSED;
            break;
        case REFERENCE_NO_SESSION:
            reference->refusals[g] = WIRE_VERDICT_SESSION_UNKNOWN;
            break;
        }
    }
    return true;
}

static void read_places(struct reference *reference, struct wire_answer *ret)
{
    wire_answer_begin(ret, WIRE_VERDICT_OK);
    for (uint32_t i = 0; i < reference->command.key_count; i++) {
        ret->places[ret->place_count++] = (struct wire_place){
            .key = i,
            .verdict = WIRE_VERDICT_OK,
            .group = reference_find(reference, reference->command.keys[i]).group,
        };
    }
}

enum reference_outcome reference_run(struct reference *reference,
                                     const struct reference_message *message,
                                     struct wire_answer *ret)
{
    struct wire_command *command = &reference->command;
    const bool registry = wire_command_decode(message->body, command) != STATUS_OK ||
                          command->op == WIRE_OP_SESSION_OPEN;
    KV_ASSERT(registry || command->op == WIRE_OP_SESSION_OPEN || message->id.sequence > 0);
    reference->message = message;
    reference->text_size = 0;
    if (registry) {
        return REFERENCE_UNKNOWN;
    }
    if (!judge(reference, message)) {
        return REFERENCE_REPEATED;
    }
    if (command->op == WIRE_OP_SESSION_CLOSE || command->op == WIRE_OP_MAP ||
        command->op == WIRE_OP_PARTITIONS || command->op == WIRE_OP_HISTORY) {
        return REFERENCE_UNKNOWN;
    }
    if (command->op == WIRE_OP_MARK) {
        wire_answer_begin(ret, reference->refusals[0]);
        return REFERENCE_ANSWERED;
    }
    if (command->exec || command->op == WIRE_OP_WHERE) {
        wire_answer_begin(ret, reference->refusals[0]);
        if (ret->verdict != WIRE_VERDICT_OK) {
            return REFERENCE_ANSWERED;
        }
        if (command->op == WIRE_OP_WHERE) {
            read_places(reference, ret);
            return REFERENCE_ANSWERED;
        }
        begin_errand(reference);
        return REFERENCE_PENDING;
    }
    if (is_access(command->op)) {
        run_access(reference, ret);
    } else {
        run_keys(reference, ret);
    }
    if (is_execution(message->id)) {
        end_errand(reference, ret->verdict);
    }
    return REFERENCE_ANSWERED;
}

/* The present variable at a group with the smallest key that is not below `from`, or above it; NULL: there is none. */
static const struct variable *first_at(const struct reference *reference, kv_group_id group,
                                       kv_slice from, bool above)
{
    const struct variable *first = NULL;
    for (uint32_t i = 0; i < reference->count; i++) {
        const struct variable *variable = reference->variables[i];
        const kv_slice key = kv_slice_of(variable->key, variable->key_size);
        const int order = kv_slice_compare(key, from);
        if (variable->present && kv_group_equal(variable->group, group) &&
            (above ? order > 0 : order >= 0) &&
            (first == NULL ||
             kv_slice_compare(key, kv_slice_of(first->key, first->key_size)) < 0)) {
            first = variable;
        }
    }
    return first;
}

static void read_scan(const struct reference *reference, kv_group_id group, struct wire_answer *ret)
{
    const struct wire_command *command = &reference->command;
    const kv_slice to = command->keys[1];
    const struct variable *variable = first_at(reference, group, command->keys[0], false);
    wire_answer_begin(ret, WIRE_VERDICT_OK);
    while (variable != NULL) {
        const kv_slice key = kv_slice_of(variable->key, variable->key_size);
        if (to.size > 0 && kv_slice_compare(key, to) >= 0) {
            return;
        }
        if (ret->row_count > 0 && ret->row_count >= command->limit) {
            ret->more = true;
            return;
        }
        ret->rows[ret->row_count++] = (struct wire_row){
            .key = key, .value = kv_slice_of(variable->value, variable->size), .present = true};
        variable = first_at(reference, group, key, true);
    }
}

bool reference_read(struct reference *reference, kv_group_id group, kv_slice body,
                    struct wire_answer *ret)
{
    struct wire_command *command = &reference->command;
    const struct reference_message here = {.destinations = kv_group_set_of(group)};
    if (wire_command_decode(body, command) != STATUS_OK) {
        return false;
    }
    reference->message = &here;
    reference->text_size = 0;
    memset(reference->refusals, 0, sizeof(reference->refusals));
    for (uint32_t g = 0; g <= reference->partitions; g++) {
        reference->refusals[g] = WIRE_VERDICT_OK;
    }
    if (command->op == WIRE_OP_WHERE) {
        read_places(reference, ret);
        return true;
    }
    if (command->op == WIRE_OP_SCAN) {
        read_scan(reference, group, ret);
        return true;
    }
    if (!is_access(command->op)) {
        return false;
    }
    wire_answer_begin(ret, access_refusal(reference));
    if (ret->verdict == WIRE_VERDICT_OK) {
        reference_do_access(reference, ret);
    }
    return true;
}

/* ---- Comparing ---- */

static bool same_place(const struct wire_place *a, const struct wire_place *b)
{
    if (a->key != b->key || a->verdict != b->verdict) {
        return false;
    }
    return a->verdict != WIRE_VERDICT_OK || kv_group_equal(a->group, b->group);
}

/* Rows have their keys in answers to scans, and where a client has put them in. */
bool reference_same(const struct wire_answer *expected, const struct wire_answer *actual)
{
    bool same = expected->verdict == actual->verdict && expected->number == actual->number &&
                expected->row_count == actual->row_count && expected->more == actual->more;
    const bool hints = expected->verdict == WIRE_VERDICT_STALE && expected->place_count == 0;
    for (uint32_t i = 0; same && i < expected->row_count; i++) {
        same = expected->rows[i].present == actual->rows[i].present &&
               (expected->rows[i].key.size == 0 || actual->rows[i].key.size == 0 ||
                kv_slice_equal(expected->rows[i].key, actual->rows[i].key)) &&
               kv_slice_equal(expected->rows[i].value, actual->rows[i].value);
    }
    same = same && (hints || expected->place_count == actual->place_count);
    for (uint32_t i = 0; same && !hints && i < expected->place_count; i++) {
        same = same_place(&expected->places[i], &actual->places[i]);
    }
    return same;
}
