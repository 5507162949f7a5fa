// Memory, texts and cells, and the face that the host calls: each call begins with nothing
// allocated, and what it was asked is freed when it ends.
#include "lockstep.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL(name) lockstep_connector_model_##name
#define EXPORT(name) exports_lockstep_connector_connector_##name
#define CELL(name) LOCKSTEP_CONNECTOR_MODEL_CELL_##name

struct block {
  struct block *before;
  // Aligned for anything.
  _Alignas(16) unsigned char bytes[];
};

static struct block *blocks;
static bool is_open;

void *ls_temp(size_t bytes) {
  struct block *block = calloc(1, sizeof *block + bytes);
  if (block == NULL) abort();
  block->before = blocks;
  blocks = block;
  return block->bytes;
}

static void forget_all(void) {
  while (blocks != NULL) {
    struct block *before = blocks->before;
    free(blocks);
    blocks = before;
  }
}

const char *ls_format(const char *format, ...) {
  va_list given, again;
  va_start(given, format);
  va_copy(again, given);
  int length = vsnprintf(NULL, 0, format, given);
  va_end(given);
  char *text = ls_temp((size_t)(length < 0 ? 0 : length) + 1);
  vsnprintf(text, (size_t)(length < 0 ? 0 : length) + 1, format, again);
  va_end(again);
  return text;
}

const char *ls_c(const ls_string *text) {
  char *copy = ls_temp(text->len + 1);
  if (text->len > 0) memcpy(copy, text->ptr, text->len);
  return copy;
}

bool ls_is(const ls_string *text, const char *other) {
  return text->len == strlen(other) && (text->len == 0 || memcmp(text->ptr, other, text->len) == 0);
}

void *ls_list(size_t count, size_t element_bytes) {
  if (count == 0) return NULL;
  void *list = calloc(count, element_bytes);
  if (list == NULL) abort();
  return list;
}

ls_string ls_copy(const char *text, size_t bytes) {
  ls_string copy = {ls_list(bytes, 1), bytes};
  if (bytes > 0) memcpy(copy.ptr, text, bytes);
  return copy;
}

ls_string ls_string_of(const char *text) { return ls_copy(text, strlen(text)); }

ls_bytes ls_bytes_of(const void *from, size_t bytes) {
  ls_bytes copy = {ls_list(bytes, 1), bytes};
  if (bytes > 0) memcpy(copy.ptr, from, bytes);
  return copy;
}

ls_strings ls_strings_of(size_t count, const char *const *texts) {
  ls_strings list = {ls_list(count, sizeof(ls_string)), count};
  for (size_t at = 0; at < count; at++) list.ptr[at] = ls_string_of(texts[at]);
  return list;
}

ls_cell ls_null(void) { return (ls_cell){.tag = CELL(NULL)}; }

ls_cell ls_boolean(bool value) {
  ls_cell cell = {.tag = CELL(BOOLEAN)};
  cell.val.boolean = value;
  return cell;
}

ls_cell ls_integer(int64_t value) {
  ls_cell cell = {.tag = CELL(INTEGER)};
  cell.val.integer = value;
  return cell;
}

ls_cell ls_text(const char *text, size_t bytes) {
  ls_cell cell = {.tag = CELL(TEXT)};
  cell.val.text = ls_copy(text, bytes);
  return cell;
}

ls_cell ls_json_cell(const char *text) {
  ls_cell cell = {.tag = CELL(JSON)};
  cell.val.json = ls_string_of(text);
  return cell;
}

static bool same_bytes(const void *one, size_t one_bytes, const void *other, size_t other_bytes) {
  return one_bytes == other_bytes && (one_bytes == 0 || memcmp(one, other, one_bytes) == 0);
}

bool ls_same(const ls_cell *one, const ls_cell *other) {
  if (one->tag != other->tag) return false;
  switch (one->tag) {
    case CELL(ABSENT):
    case CELL(NULL):
      return true;
    case CELL(BOOLEAN):
      return one->val.boolean == other->val.boolean;
    case CELL(FLOAT):
      return memcmp(&one->val.float_, &other->val.float_, sizeof one->val.float_) == 0;
    case CELL(INTEGER):
    case CELL(TIME):
    case CELL(TIMESTAMP):
    case CELL(LOCAL_TIMESTAMP):
      return one->val.integer == other->val.integer;
    case CELL(DATE):
      return one->val.date == other->val.date;
    case CELL(UUID):
      return one->val.uuid.high == other->val.uuid.high && one->val.uuid.low == other->val.uuid.low;
    case CELL(DECIMAL):
    case CELL(TEXT):
    case CELL(BYTES):
    case CELL(JSON):
      return same_bytes(one->val.text.ptr, one->val.text.len, other->val.text.ptr, other->val.text.len);
    default:
      // Lists are compared by who knows their elements.
      return false;
  }
}

bool ls_fail(ls_error *error, const char *code, const char *message) {
  *error = (ls_error){.code = ls_string_of(code), .message = ls_string_of(message)};
  return false;
}

void ls_log(const char *level, const char *message) {
  ls_string of = {(uint8_t *)level, strlen(level)}, words = {(uint8_t *)message, strlen(message)};
  lockstep_connector_host_log(&of, &words);
}

static bool unsupported(ls_error *error, const char *what) {
  return ls_fail(error, "unsupported", ls_format("this connector does not support %s", what));
}

static bool ready(ls_error *error) {
  return is_open || ls_fail(error, "internal", "the session is not open");
}

void EXPORT(spec)(ls_spec *out) {
  forget_all();
  *out = (ls_spec){0};
  connector.spec(out);
}

bool EXPORT(open)(ls_string *role, ls_string *config, ls_error *error) {
  forget_all();
  bool done = is_open ? ls_fail(error, "internal", "this session is open already")
                      : connector.open == NULL || connector.open(role, config, error);
  is_open = is_open || done;
  connector_world_string_free(role);
  connector_world_string_free(config);
  return done;
}

// A call: what it is asked is freed in any case, and what it would have answered where it fails.
#define CALL(name, asked, free_asked, answer, free_answer)                    \
  bool EXPORT(name)(asked * request, answer * out, ls_error * error) {        \
    forget_all();                                                             \
    *out = (answer){0};                                                       \
    bool done = ready(error) && (connector.name == NULL                       \
                                     ? unsupported(error, #name)              \
                                     : connector.name(request, out, error));  \
    free_asked(request);                                                      \
    if (!done) free_answer(out);                                              \
    return done;                                                              \
  }

CALL(check, ls_strings, connector_world_list_string_free, ls_check_items, EXPORT(list_check_item_free))
CALL(discover, ls_strings, connector_world_list_string_free, ls_objects, EXPORT(list_object_free))
CALL(start, ls_selections, EXPORT(list_selection_free), ls_position, EXPORT(position_free))
CALL(read, ls_page_request, EXPORT(page_request_free), ls_page, EXPORT(page_free))
CALL(changes, ls_changes_request, EXPORT(changes_request_free), ls_changes_answer, EXPORT(changes_answer_free))
CALL(fetch, ls_fetch_request, EXPORT(fetch_request_free), ls_founds, EXPORT(list_found_free))
CALL(write, ls_write_request, EXPORT(write_request_free), ls_outcomes, EXPORT(list_outcome_free))
CALL(ensure, ls_ensure_request, EXPORT(ensure_request_free), ls_strings, connector_world_list_string_free)
CALL(ingest, ls_webhook, EXPORT(webhook_free), ls_webhook_answer, EXPORT(webhook_answer_free))

bool EXPORT(release)(ls_strings *out, ls_error *error) {
  forget_all();
  *out = (ls_strings){0};
  bool done = ready(error) && (connector.release == NULL ? unsupported(error, "release")
                                                         : connector.release(out, error));
  if (!done) connector_world_list_string_free(out);
  return done;
}
