/* SPDX-License-Identifier: Apache-2.0 */
/* txn_text: reads a transaction from a text.
 *
 * 1. A line is split into words; quotes are taken away. The words are kept in txn->bytes, each with a
 *    NUL behind it, which has been made large enough for all of them, so that they do not move.
 * 2. The first word says what the line is: if, then, else, or a guard or step with its operands.
 * 3. Nothing is done before the whole text has been read. */
#include "client/kvctl/txn.h"

#include <string.h>

#include "client/kvctl/options.h"
#include "multicast/base/assert.h"
#include "multicast/base/limits.h"

/* Words of the longest line: cas KEY EXPECT VALUE, and one that is too many. */
#define WORDS_MAX 5

/* Bytes of a word that a message shows. */
#define SHOWN_BYTES_MAX 40

enum section {
    SECTION_START, /* nothing yet */
    SECTION_IF,
    SECTION_THEN,
    SECTION_ELSE,
};

struct reader {
    struct kvctl_txn *txn;
    enum kvctl_encoding encoding;
    const char *at, *end;
    uint32_t line;
    enum section section;
    kv_bytes words[WORDS_MAX];
    uint32_t word_count;
};

/* Say what is wrong with this line; evaluates to false. */
#define REFUSE(reader, format, ...)                                                                \
    (snprintf((reader)->txn->error, sizeof((reader)->txn->error), "line %u: " format,              \
              (reader)->line, __VA_ARGS__),                                                        \
     false)

/* ---- Words ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void keep(struct reader *reader, char c)
{
    kv_buffer_append(&reader->txn->bytes, &c, 1);
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* What stands behind a backslash in "...". */
static bool take_escape(struct reader *reader, const char *end)
{
    static const char letters[] = "nrt\\\"", meanings[] = "\n\r\t\\\"";
    const char c = reader->at < end ? *reader->at++ : '\0';
    const char *letter = c == '\0' ? NULL : strchr(letters, c);
    if (letter != NULL) {
        keep(reader, meanings[letter - letters]);
        return true;
    }
    if (c == 'x' && end - reader->at >= 2) {
        const int high = digit_of(reader->at[0]), low = digit_of(reader->at[1]);
        if (high >= 0 && low >= 0) {
            keep(reader, (char)(high * 16 + low));
            reader->at += 2;
            return true;
        }
    }
    return REFUSE(reader, "%s", "in \"...\" a backslash stands before n, r, t, \\, \" or xNN");
}

/* Up to the closing quote, which must be on the same line. */
static bool take_quoted(struct reader *reader, const char *end)
{
    const char quote = *reader->at++;
    while (reader->at < end && *reader->at != quote) {
        const char c = *reader->at++;
        if (c == '\\' && quote == '"') {
            if (!take_escape(reader, end)) {
                return false;
            }
        } else if (c == '\0') {
            return REFUSE(reader, "%s", "a NUL byte; write \"\\x00\"");
        } else {
            keep(reader, c);
        }
    }
    if (reader->at == end) {
        return REFUSE(reader, "a %c is not closed; a line end is written as \"\\n\"", quote);
    }
    reader->at++;
    return true;
}

static bool take_word(struct reader *reader, const char *end)
{
    const size_t before = reader->txn->bytes.size;
    while (reader->at < end && !is_blank(*reader->at)) {
        const char c = *reader->at;
        if (c == '"' || c == '\'') {
            if (!take_quoted(reader, end)) {
                return false;
            }
        } else if (c == '\\' || c == '\0') {
            return REFUSE(reader, "%s",
                          c == '\\' ? "a backslash; put the word into quotes"
                                    : "a NUL byte; write \"\\x00\"");
        } else {
            keep(reader, c);
            reader->at++;
        }
    }
    if (reader->word_count < WORDS_MAX) {
        reader->words[reader->word_count++] =
            kv_bytes_of(reader->txn->bytes.data + before, reader->txn->bytes.size - before);
    }
    keep(reader, '\0');
    return true;
}

/* The words of the next line. */
static bool take_words(struct reader *reader)
{
    const char *newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    const char *end = newline == NULL ? reader->end : newline;
    reader->line++;
    reader->word_count = 0;
    while (reader->at < end) {
        if (is_blank(*reader->at)) {
            reader->at++;
        } else if (*reader->at == '#') {
            reader->at = end;
        } else if (!take_word(reader, end)) {
            return false;
        }
    }
    reader->at = newline == NULL ? end : end + 1;
    return true;
}

/* ---- Lines ---- */

/* A word for a message: printable, and not too long. Lives until the next call. */
static const char *shown(kv_bytes word)
{
    static char text[4 * SHOWN_BYTES_MAX + 1];
    struct kv_buffer escaped = {0};
    const size_t size = word.size < SHOWN_BYTES_MAX ? word.size : SHOWN_BYTES_MAX;
    kvctl_encode(KVCTL_ENCODING_ESCAPE, kv_bytes_of(word.data, size), &escaped);
    if (escaped.size > 0) {
        memcpy(text, escaped.data, escaped.size);
    }
    text[escaped.size] = '\0';
    kv_buffer_close(&escaped);
    return text;
}

static bool is_text(kv_bytes word, const char *text)
{
    return word.size == strlen(text) && memcmp(word.data, text, word.size) == 0;
}

/* A key or value, decoded. */
static bool decode(struct reader *reader, kv_bytes word, kv_bytes *ret)
{
    if (reader->encoding == KVCTL_ENCODING_UTF8) {
        *ret = word;
        return true;
    }
    struct kv_buffer *bytes = &reader->txn->bytes;
    const size_t before = bytes->size;
    const char *error = "";
    if (!kvctl_decode(reader->encoding, word, bytes, &error)) {
        return REFUSE(reader, "'%s' is not valid %s: %s", shown(word),
                      kvctl_encoding_name(reader->encoding), error);
    }
    *ret = kv_bytes_of(bytes->data + before, bytes->size - before);
    return true;
}

static bool number_of(struct reader *reader, kv_bytes word, int64_t *ret)
{
    const char *text = word.data; /* with a NUL behind it */
    return (strlen(text) == word.size && kvctl_integer_parse(text, ret)) ||
           REFUSE(reader, "'%s' is not a decimal 64-bit integer", shown(word));
}

/* The operands of a guard or step: words from the third on. */
static bool take_operands(struct reader *reader, const struct kvctl_step_form *form, kv_step *step)
{
    static const uint32_t counts[] = {[KVCTL_OPERANDS_NONE] = 0,
                                      [KVCTL_OPERANDS_VALUE] = 1,
                                      [KVCTL_OPERANDS_TWO_VALUES] = 2,
                                      [KVCTL_OPERANDS_NUMBER] = 1,
                                      [KVCTL_OPERANDS_NUMBER_OR_ONE] = 1};
    const bool optional = form->operands == KVCTL_OPERANDS_NUMBER_OR_ONE && reader->word_count == 2;
    const kv_bytes *words = reader->words + 2;
    if (reader->word_count != 2 + counts[form->operands] && !optional) {
        return REFUSE(reader, "usage: %s KEY%s", form->word, form->synopsis);
    }
    if (reader->words[1].size == 0) {
        return REFUSE(reader, "%s: a key is not empty", form->word);
    }
    if (!decode(reader, reader->words[1], &step->key)) {
        return false;
    }
    switch (form->operands) {
    case KVCTL_OPERANDS_NONE:
        return true;
    case KVCTL_OPERANDS_VALUE:
        return decode(reader, words[0], &step->value);
    case KVCTL_OPERANDS_TWO_VALUES:
        return decode(reader, words[0], &step->expect) && decode(reader, words[1], &step->value);
    case KVCTL_OPERANDS_NUMBER:
    case KVCTL_OPERANDS_NUMBER_OR_ONE:
        step->number = 1;
        return optional || number_of(reader, words[0], &step->number);
    }
    return false;
}

static bool take_step(struct reader *reader)
{
    const bool guard = reader->section == SECTION_IF;
    const char *word = reader->words[0].data;
    const bool whole = strlen(word) == reader->words[0].size;
    const struct kvctl_step_form *form = whole ? kvctl_step_find(guard, word) : NULL;
    if (form == NULL && whole && kvctl_step_find(!guard, word) != NULL) {
        return guard ? REFUSE(reader, "'%s' is a step; steps stand behind 'then'", word)
                     : REFUSE(reader, "'%s' is a guard; guards stand behind 'if'", word);
    }
    if (form == NULL) {
        return REFUSE(reader, "there is no %s '%s'; see 'kvctl help txn'", guard ? "guard" : "step",
                      shown(reader->words[0]));
    }
    kv_step step = {.code = form->code};
    if (!take_operands(reader, form, &step)) {
        return false;
    }
    if (reader->section == SECTION_START) {
        reader->section = SECTION_THEN;
    }
    return kvctl_txn_add(reader->txn,
                         guard                             ? KVCTL_TXN_GUARDS
                         : reader->section == SECTION_THEN ? KVCTL_TXN_THEN
                                                           : KVCTL_TXN_ELSE,
                         &step) ||
           REFUSE(reader, "more than %d guards and steps", KV_TXN_STEPS_MAX);
}

/* if, then, else. */
static bool take_section(struct reader *reader, enum section section)
{
    static const char *const names[] = {"", "if", "then", "else"};
    const bool guarded = reader->txn->counts[KVCTL_TXN_GUARDS] > 0;
    if (reader->word_count > 1) {
        return REFUSE(reader, "nothing stands behind '%s' on its line", names[section]);
    }
    if (section == SECTION_THEN && reader->section == SECTION_IF && !guarded) {
        return REFUSE(reader, "%s", "there is no guard between 'if' and 'then'");
    }
    if (section == SECTION_ELSE && reader->section != SECTION_ELSE && !guarded) {
        return REFUSE(reader, "%s", "'else' without 'if'");
    }
    const bool fits = section == SECTION_IF     ? reader->section == SECTION_START
                      : section == SECTION_THEN ? reader->section <= SECTION_IF
                                                : reader->section == SECTION_THEN;
    if (!fits) {
        return REFUSE(reader, "'%s' does not belong here; the order is if, then, else",
                      names[section]);
    }
    reader->section = section;
    reader->txn->has_else = section == SECTION_ELSE;
    return true;
}

static bool take_line(struct reader *reader)
{
    if (!take_words(reader)) {
        return false;
    }
    if (reader->word_count == 0) {
        return true;
    }
    const kv_bytes first = reader->words[0];
    return is_text(first, "if")     ? take_section(reader, SECTION_IF)
           : is_text(first, "then") ? take_section(reader, SECTION_THEN)
           : is_text(first, "else") ? take_section(reader, SECTION_ELSE)
                                    : take_step(reader);
}

bool kvctl_txn_parse(struct kvctl_txn *txn, enum kvctl_encoding encoding, const char *text,
                     size_t size)
{
    memset(txn, 0, sizeof(*txn));
    struct reader reader = {.txn = txn, .encoding = encoding, .at = text, .end = text + size};
    if (size > KVCTL_TXN_BYTES_MAX) {
        snprintf(txn->error, sizeof(txn->error), "a transaction has at most %d bytes of text",
                 KVCTL_TXN_BYTES_MAX);
        return false;
    }
    kv_buffer_reserve(&txn->bytes, 3 * size + 16); /* words, their NULs, and what they decode to */
    const uint8_t *place = txn->bytes.data;
    while (reader.at < reader.end) {
        if (!take_line(&reader)) {
            return false;
        }
    }
    KV_ASSERT(txn->bytes.data == place);
    if (reader.section == SECTION_IF) {
        return REFUSE(&reader, "%s", "there is no 'then' behind 'if'");
    }
    if (txn->counts[KVCTL_TXN_GUARDS] + txn->counts[KVCTL_TXN_THEN] == 0) {
        snprintf(txn->error, sizeof(txn->error), "there is no step in it");
        return false;
    }
    return true;
}
