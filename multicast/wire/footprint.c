/* SPDX-License-Identifier: Apache-2.0 */
/* footprint: one row per operation for what it is, one function per question. */
#include "multicast/wire/footprint.h"

#include "multicast/base/assert.h"

bool wire_op_is_session(enum wire_op op)
{
    return op == WIRE_OP_SESSION_BEGIN || op == WIRE_OP_SESSION_END;
}

bool wire_op_is_lock(enum wire_op op)
{
    return op == WIRE_OP_LOCK || op == WIRE_OP_REVOKE;
}

bool wire_command_is_inside(const struct wire_command *command)
{
    return wire_command_has_token(command) &&
           (wire_op_is_access(command->op) || command->op == WIRE_OP_DELETE ||
            command->op == WIRE_OP_REVOKE);
}

bool wire_op_reads_everything(enum wire_op op)
{
    return op == WIRE_OP_SCAN || op == WIRE_OP_PARTITIONS || op == WIRE_OP_HISTORY;
}

unsigned wire_command_use(const struct wire_command *command, uint32_t i)
{
    switch (command->op) {
    case WIRE_OP_GET:
    case WIRE_OP_MGET:
    case WIRE_OP_SCAN:
    case WIRE_OP_WHERE:
        return WIRE_USE_READ;
    case WIRE_OP_PUT:
    case WIRE_OP_PUT_IF_ABSENT:
    case WIRE_OP_CAS:
    case WIRE_OP_INCR:
    case WIRE_OP_APPEND:
    case WIRE_OP_MPUT:
    case WIRE_OP_CREATE:
    case WIRE_OP_MOVE:
        return WIRE_USE_WRITE;
    case WIRE_OP_REVOKE:
        return WIRE_USE_WRITE;
    case WIRE_OP_LOCK:
        return command->shared ? WIRE_USE_READ : WIRE_USE_WRITE;
    case WIRE_OP_DELETE:
    case WIRE_OP_EXPIRE:
        return WIRE_USE_WRITE | WIRE_USE_REMOVE;
    case WIRE_OP_TXN:
        return command->uses[i];
    case WIRE_OP_SESSION_OPEN:
    case WIRE_OP_SESSION_CLOSE:
    case WIRE_OP_MAP:
    case WIRE_OP_PARTITIONS:
    case WIRE_OP_HISTORY:
    case WIRE_OP_UNLOCK:
    case WIRE_OP_KEEPALIVE:
    case WIRE_OP_TICK:
    case WIRE_OP_LOCKS:
    case WIRE_OP_SESSION_BEGIN:
    case WIRE_OP_SESSION_END:
    case WIRE_OP_SESSIONS:
    case WIRE_OP_MARK:
        break;
    }
    KV_UNREACHABLE(); /* has no keys */
}

uint32_t wire_command_steps(const struct wire_command *command, enum wire_branch branch)
{
    KV_ASSERT(wire_op_is_access(command->op));
    if (command->op == WIRE_OP_TXN) {
        return command->branch_count[branch];
    }
    return branch == WIRE_BRANCH_THEN ? command->key_count : 0;
}

/* The step that an operation other than TXN does to each of its keys. */
static enum wire_step_kind step_of(enum wire_op op)
{
    switch (op) {
    case WIRE_OP_GET:
    case WIRE_OP_MGET:
        return WIRE_STEP_GET;
    case WIRE_OP_PUT:
    case WIRE_OP_MPUT:
        return WIRE_STEP_PUT;
    case WIRE_OP_PUT_IF_ABSENT:
        return WIRE_STEP_PUT_IF_ABSENT;
    case WIRE_OP_CAS:
        return WIRE_STEP_CAS;
    case WIRE_OP_INCR:
        return WIRE_STEP_INCR;
    case WIRE_OP_APPEND:
        return WIRE_STEP_APPEND;
    case WIRE_OP_DELETE:
    case WIRE_OP_CREATE:
    case WIRE_OP_MOVE:
    case WIRE_OP_TXN:
    case WIRE_OP_SCAN:
    case WIRE_OP_SESSION_OPEN:
    case WIRE_OP_SESSION_CLOSE:
    case WIRE_OP_MAP:
    case WIRE_OP_WHERE:
    case WIRE_OP_PARTITIONS:
    case WIRE_OP_HISTORY:
    case WIRE_OP_UNLOCK:
    case WIRE_OP_KEEPALIVE:
    case WIRE_OP_TICK:
    case WIRE_OP_LOCKS:
    case WIRE_OP_LOCK:
    case WIRE_OP_REVOKE:
    case WIRE_OP_EXPIRE:
    case WIRE_OP_SESSION_BEGIN:
    case WIRE_OP_SESSION_END:
    case WIRE_OP_SESSIONS:
    case WIRE_OP_MARK:
        break;
    }
    KV_UNREACHABLE();
}

struct wire_step wire_command_step(const struct wire_command *command, enum wire_branch branch,
                                   uint32_t i)
{
    KV_ASSERT(i < wire_command_steps(command, branch));
    if (command->op == WIRE_OP_TXN) {
        const uint32_t first =
            command->guard_count +
            (branch == WIRE_BRANCH_ELSE ? command->branch_count[WIRE_BRANCH_THEN] : 0);
        return command->steps[first + i];
    }
    struct wire_step step = {.kind = step_of(command->op), .key = i, .number = command->number};
    if (command->op == WIRE_OP_CAS) {
        step.expected = command->values[0];
        step.value = command->values[1];
    } else if (command->value_count > 0) {
        step.value = command->values[i];
    }
    return step;
}

kv_group_id wire_command_owner(const struct wire_command *command, uint32_t i,
                               kv_group_set destinations)
{
    if (command->owner_count > 0) {
        return (kv_group_id){command->owners[i]};
    }
    return (kv_group_id){(uint16_t)__builtin_ctzll(destinations.bits)};
}

/* The partition that key i is brought to, if the command brings it anywhere: else 0. */
static kv_group_id moves_to(const struct wire_command *command)
{
    const bool moves = command->op == WIRE_OP_MOVE || command->op == WIRE_OP_CREATE ||
                       command->policy == WIRE_POLICY_MOVE;
    return moves ? command->target : KV_GROUP_ORACLE;
}

/* Who is concerned with a key, given what the command does to it. */
struct parties {
    kv_group_id owner, home, target; /* target 0: none */
    bool places;                     /* stub and map may change */
};

static struct parties parties_of(const struct wire_command *command, uint32_t i,
                                 kv_group_set destinations, uint32_t partitions)
{
    struct parties parties = {.owner = wire_command_owner(command, i, destinations),
                              .home = wire_home_of(command->keys[i], partitions),
                              .target = moves_to(command)};
    const bool away = !kv_group_equal(parties.owner, parties.home);
    if (command->op == WIRE_OP_CREATE) {
        parties.owner = parties.home; /* which knows whether it exists */
        parties.places = !kv_group_equal(parties.target, parties.home);
    } else if (parties.target.value != 0) {
        parties.places = !kv_group_equal(parties.target, parties.owner) ||
                         (away && (wire_command_use(command, i) & WIRE_USE_REMOVE) != 0);
    } else {
        parties.places = away && (wire_command_use(command, i) & WIRE_USE_REMOVE) != 0;
    }
    return parties;
}

unsigned wire_command_duties(const struct wire_command *command, uint32_t i, kv_group_id group,
                             kv_group_set destinations, uint32_t partitions)
{
    const struct parties parties = parties_of(command, i, destinations, partitions);
    unsigned duties = 0;
    if (kv_group_equal(group, KV_GROUP_ORACLE)) {
        return parties.places ? WIRE_DUTY_ORACLE : 0;
    }
    if (kv_group_equal(group, parties.owner) && command->op != WIRE_OP_CREATE) {
        duties |= WIRE_DUTY_OWNER;
    }
    if (kv_group_equal(group, parties.home) && (parties.places || command->op == WIRE_OP_CREATE)) {
        duties |= WIRE_DUTY_HOME;
    }
    const bool comes = parties.target.value != 0 && !kv_group_equal(parties.target, parties.owner);
    const bool lent =
        command->policy == WIRE_POLICY_BORROW && !kv_group_equal(command->target, parties.owner);
    if ((comes && kv_group_equal(group, parties.target)) ||
        (command->op == WIRE_OP_CREATE && kv_group_equal(group, parties.target)) ||
        (lent && kv_group_equal(group, command->target))) {
        duties |= WIRE_DUTY_TARGET;
    }
    return duties;
}

bool wire_command_writes(const struct wire_command *command, uint32_t i, kv_group_id group,
                         kv_group_set destinations, uint32_t partitions)
{
    const unsigned duties = wire_command_duties(command, i, group, destinations, partitions);
    const bool only_reads = wire_command_use(command, i) == WIRE_USE_READ;
    if (duties == WIRE_DUTY_OWNER) {
        const struct parties parties = parties_of(command, i, destinations, partitions);
        return !only_reads || parties.places;
    }
    if (duties == WIRE_DUTY_TARGET && command->policy == WIRE_POLICY_BORROW) {
        return !only_reads;
    }
    return true; /* P10 */
}

/* The oracle and all partitions. */
static kv_group_set all_groups(uint32_t partitions)
{
    KV_ASSERT(partitions < KV_GROUPS_MAX);
    return (kv_group_set){UINT64_MAX >> (KV_GROUPS_MAX - 1 - partitions)};
}

bool wire_command_goes_to_all(const struct wire_command *command)
{
    return command->op == WIRE_OP_MARK || wire_op_is_session(command->op) ||
           (command->op == WIRE_OP_SESSION_CLOSE && wire_command_has_token(command));
}

kv_group_set wire_command_destinations(const struct wire_command *command, uint32_t partitions)
{
    kv_group_set set = {0};
    if (wire_command_goes_to_all(command)) {
        return all_groups(partitions);
    }
    if (command->exec) {
        return kv_group_set_of(KV_GROUP_ORACLE);
    }
    KV_ASSERT(command->owner_count == command->key_count);
    for (uint32_t i = 0; i < command->key_count; i++) {
        const struct parties parties = parties_of(command, i, set, partitions);
        set.bits |= kv_group_set_of(parties.owner).bits;
        if (parties.target.value != 0) {
            set.bits |= kv_group_set_of(parties.target).bits;
        }
        if (parties.places) {
            set.bits |= kv_group_set_of(KV_GROUP_ORACLE).bits | kv_group_set_of(parties.home).bits;
        }
    }
    if (command->policy == WIRE_POLICY_BORROW) {
        set.bits |= kv_group_set_of(command->target).bits;
    }
    if (wire_op_is_lock(command->op)) {
        set.bits |= kv_group_set_of(KV_GROUP_ORACLE).bits;
    }
    return set;
}

/* The destinations of a command without owners, which has to stay within one partition. */
static bool fits_alone(const struct wire_command *command, kv_group_set destinations,
                       uint32_t partitions)
{
    const kv_group_id group = wire_command_owner(command, 0, destinations);
    if (command->policy == WIRE_POLICY_EXCHANGE && command->op != WIRE_OP_TXN &&
        wire_op_is_access(command->op)) {
        return true; /* nearly every command: removes nothing, moves nothing */
    }
    if (command->policy != WIRE_POLICY_EXCHANGE && !kv_group_equal(command->target, group)) {
        return false;
    }
    for (uint32_t i = 0; i < command->key_count; i++) {
        const struct parties parties = parties_of(command, i, destinations, partitions);
        if (parties.places || !kv_group_equal(parties.owner, group) ||
            (parties.target.value != 0 && !kv_group_equal(parties.target, group))) {
            return false;
        }
    }
    return true;
}

static bool is_partition(kv_group_id group, uint32_t partitions)
{
    return group.value >= 1 && group.value <= partitions;
}

/* A message without keys, or one by which the oracle is to run a command. `execution`: of a group in its own name. */
static bool fits_oracle(const struct wire_command *command, bool on_keys, kv_group_set destinations,
                        bool execution)
{
    if (command->op == WIRE_OP_TICK) {
        return execution && kv_group_set_count(destinations) == 1;
    }
    const bool only_read = wire_op_reads_everything(command->op) || command->op == WIRE_OP_LOCKS ||
                           command->op == WIRE_OP_SESSIONS;
    const bool own = command->op == WIRE_OP_REVOKE || command->op == WIRE_OP_EXPIRE;
    return destinations.bits == kv_group_set_of(KV_GROUP_ORACLE).bits && !execution &&
           (command->exec ? on_keys && !own : !only_read);
}

bool wire_command_fits(const struct wire_command *command, kv_group_set destinations,
                       bool execution, uint32_t partitions)
{
    const kv_group_set oracle = kv_group_set_of(KV_GROUP_ORACLE);
    const bool on_keys = wire_op_is_access(command->op) || wire_op_is_per_key(command->op) ||
                         wire_op_is_lock(command->op);
    const bool expires = command->op == WIRE_OP_EXPIRE;
    if (command->target.value != 0 && !is_partition(command->target, partitions)) {
        return false;
    }
    if (wire_command_goes_to_all(command)) {
        return destinations.bits == all_groups(partitions).bits &&
               execution == (command->op == WIRE_OP_SESSION_END);
    }
    if (!on_keys || command->exec) {
        return fits_oracle(command, on_keys, destinations, execution);
    }
    if ((command->op == WIRE_OP_REVOKE || expires) && !execution) {
        return false; /* nobody but a group itself */
    }
    for (uint32_t i = 0; i < command->owner_count; i++) {
        if (!is_partition((kv_group_id){command->owners[i]}, partitions)) {
            return false;
        }
    }
    if (command->owner_count == 0) {
        return execution == expires && !wire_op_is_lock(command->op) &&
               kv_group_set_count(destinations) == 1 && destinations.bits != oracle.bits &&
               fits_alone(command, destinations, partitions);
    }
    kv_group_set wanted = wire_command_destinations(command, partitions);
    if (wire_command_is_inside(command) && !wire_op_is_lock(command->op) &&
        kv_group_set_has(wanted, KV_GROUP_ORACLE)) {
        return false; /* a key that is held keeps its place [locks.md, L6] */
    }
    if (execution && !expires) {
        wanted.bits |= oracle.bits;
    }
    return wanted.bits == destinations.bits && kv_group_set_count(destinations) > 1;
}

kv_group_id wire_command_replier(const struct wire_command *command, kv_group_set destinations)
{
    if (kv_group_set_has(destinations, KV_GROUP_ORACLE)) {
        return KV_GROUP_ORACLE;
    }
    if (command->policy == WIRE_POLICY_BORROW) {
        return command->target;
    }
    return wire_command_owner(command, 0, destinations);
}
