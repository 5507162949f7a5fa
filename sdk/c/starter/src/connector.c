// A connector to begin with: the notes of a small REST service, read, followed and written. Replace
// `service` by your system's requests and `note` by its rows; what is decided about writes is in
// `write`. `lockstep connector test` says what is still missing.
#include <string.h>

#include "note.h"
#include "service.h"
#include "write.h"

// Where requests go: the scheme, host and port of the configured address.
#define PLACE "https:config.base_url"

static const char CONFIG_SCHEMA[] =
    "{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"base_url\"], \"properties\": {"
    "\"base_url\": {\"type\": \"string\", "
    "\"description\": \"where the service answers, such as https://notes.example.com\"}}}";

static void describe(ls_spec *out) {
  const char *abilities[] = {"delete"}, *places[] = {PLACE};
  out->name = ls_string_of("starter");
  out->version = ls_string_of("0.1.0");
  out->changes = ls_string_of("log");
  out->precondition = ls_string_of("precondition");
  out->abilities = ls_strings_of(1, abilities);
  out->config_schema = ls_string_of(CONFIG_SCHEMA);
  out->cursor_version = 1;
  out->permissions = ls_strings_of(1, places);
  // The host puts the token on requests; this code never sees it.
  ls_auth_scheme *scheme = ls_list(1, sizeof *scheme);
  scheme->name = ls_string_of("token");
  scheme->kind = ls_string_of("bearer");
  scheme->secret = ls_string_of("token");
  scheme->hosts = ls_strings_of(1, places);
  out->auth_schemes.ptr = scheme;
  out->auth_schemes.len = 1;
}

static bool begin(const ls_string *role, const ls_string *config, ls_error *error) {
  (void)role;
  const ls_json *told = ls_json_parse((const char *)config->ptr, config->len);
  const ls_json *base_url = ls_json_get(told, "base_url");
  if (base_url == NULL || base_url->kind != LS_JSON_TEXT) {
    return ls_fail(error, "config", "configuration: `base_url` has to be a text");
  }
  for (const ls_json *one = told->first; one != NULL; one = one->next) {
    if (strcmp(one->name, "base_url") != 0) {
      return ls_fail(error, "config", ls_format("configuration: no such key: %s", one->name));
    }
  }
  service_is_at(base_url->text);
  return true;
}

static void item(ls_check_item *out, const char *name, const char *status, const char *message, const char *remedy) {
  out->name = ls_string_of(name);
  out->status = ls_string_of(status);
  out->message = ls_string_of(message);
  out->remedy = ls_string_of(remedy);
}

static bool check(const ls_strings *objects, ls_check_items *out, ls_error *error) {
  out->ptr = ls_list(objects->len + 1, sizeof(ls_check_item));
  if (service_status(error)) {
    item(&out->ptr[out->len++], "service", "ok", "the service answers", "");
  } else {
    const char *remedy = "Look at `base_url` and the secret `token`.";
    item(&out->ptr[out->len++], "service", "fail", ls_c(&error->message), remedy);
    exports_lockstep_connector_connector_error_free(error);
  }
  for (size_t at = 0; at < objects->len; at++) {
    if (ls_is(&objects->ptr[at], OBJECT)) continue;
    const char *message = ls_format("there is no object %s", ls_c(&objects->ptr[at]));
    item(&out->ptr[out->len++], "object", "fail", message, "The service has one: " OBJECT ".");
  }
  return true;
}

static bool discover(const ls_strings *objects, ls_objects *out, ls_error *error) {
  (void)error;
  bool is_wanted = objects->len == 0;
  for (size_t at = 0; at < objects->len; at++) is_wanted = is_wanted || ls_is(&objects->ptr[at], OBJECT);
  if (!is_wanted) return true;
  out->ptr = ls_list(1, sizeof(ls_object));
  out->len = 1;
  note_describe(&out->ptr[0]);
  return true;
}

static bool start(const ls_selections *selections, ls_position *out, ls_error *error) {
  for (size_t at = 0; at < selections->len; at++) {
    if (!note_known(&selections->ptr[at].object, &selections->ptr[at].columns, error)) return false;
  }
  int64_t last;
  if (!service_last_change(&last, error)) return false;
  out->cursor = note_version(last);
  return true;
}

static bool release(ls_strings *out, ls_error *error) {
  // `start` makes nothing at the service.
  (void)out, (void)error;
  return true;
}

static size_t count_of(const ls_json *list) {
  size_t count = 0;
  for (const ls_json *one = list->first; one != NULL; one = one->next) count++;
  return count;
}

static bool read(const ls_page_request *request, ls_page *out, ls_error *error) {
  const ls_strings *columns = &request->selection.columns;
  if (!note_known(&request->selection.object, columns, error)) return false;
  ls_string after = {request->after.ptr, request->after.len};
  const ls_json *page = service_list(ls_c(&after), request->max_rows, error);
  if (page == NULL) return false;
  const ls_json *notes = ls_json_get(page, "notes");
  out->rows.ptr = ls_list(count_of(notes), sizeof(ls_row));
  for (const ls_json *one = notes->first; one != NULL; one = one->next) {
    note read;
    if (!note_read(one, &read)) return ls_fail(error, "internal", "an answer that is no note");
    out->rows.ptr[out->rows.len++] = note_row(&read, columns);
  }
  const char *next = ls_json_text(page, "next");
  out->next = ls_bytes_of(next, strlen(next));
  return true;
}

// Adds a change to the last batch, or to a new one where it is of another kind.
static bool tell(const ls_json *change, const ls_selection *selection, size_t room, ls_changes_answer *out,
                 int64_t *reached, ls_error *error) {
  const ls_json *told = ls_json_get(change, "note");
  const char *id = ls_json_text(change, "id");
  bool is_delete = told == NULL || told->kind == LS_JSON_NULL;
  note read;
  if (!ls_json_integer(ls_json_get(change, "number"), reached) || (!is_delete && !note_read(told, &read))) {
    return ls_fail(error, "internal", "an answer that is no change");
  }
  const char *kind = is_delete ? "delete" : "upsert";
  ls_change_batch *batch = out->batches.len == 0 ? NULL : &out->batches.ptr[out->batches.len - 1];
  if (batch == NULL || !ls_is(&batch->kind, kind)) {
    batch = &out->batches.ptr[out->batches.len++];
    batch->object = ls_string_of(OBJECT);
    batch->kind = ls_string_of(kind);
    batch->columns.ptr = ls_list(selection->columns.len, sizeof(ls_string));
    for (size_t at = 0; at < selection->columns.len; at++) {
      const ls_string *name = &selection->columns.ptr[at];
      batch->columns.ptr[batch->columns.len++] = ls_copy((const char *)name->ptr, name->len);
    }
    batch->rows.ptr = ls_list(room, sizeof(ls_change_row));
  }
  ls_change_row *row = &batch->rows.ptr[batch->rows.len++];
  row->key.ptr = ls_list(1, sizeof(ls_cell));
  row->key.len = 1;
  row->key.ptr[0] = ls_text(id, strlen(id));
  if (!is_delete) row->cells = note_cells(&read, &selection->columns);
  // The number of the change orders it among all.
  row->version = note_version(*reached);
  return true;
}

static bool changes(const ls_changes_request *request, ls_changes_answer *out, ls_error *error) {
  if (request->after.len != VERSION_BYTES) return ls_fail(error, "cursor-invalid", "a cursor has 8 bytes");
  out->cursor = ls_bytes_of(request->after.ptr, request->after.len);
  const ls_selection *selection = NULL;
  for (size_t at = 0; at < request->selections.len; at++) {
    if (ls_is(&request->selections.ptr[at].object, OBJECT)) selection = &request->selections.ptr[at];
  }
  if (selection == NULL || request->max_records == 0) return true;
  if (!note_known(&selection->object, &selection->columns, error)) return false;
  int64_t reached = 0, last;
  for (size_t at = 0; at < VERSION_BYTES; at++) reached = (int64_t)((uint64_t)reached << 8 | request->after.ptr[at]);
  const ls_json *listed = service_changes(reached, request->max_records, request->wait_ms, error);
  if (listed == NULL) return false;
  if (!ls_json_integer(ls_json_get(listed, "last"), &last)) {
    return ls_fail(error, "internal", "the service does not say where its log ends");
  }
  const ls_json *list = ls_json_get(listed, "changes");
  size_t count = count_of(list);
  out->batches.ptr = ls_list(count, sizeof(ls_change_batch));
  for (const ls_json *one = list->first; one != NULL; one = one->next, count--) {
    if (!tell(one, selection, count, out, &reached, error)) return false;
  }
  connector_world_list_u8_free(&out->cursor);
  out->cursor = note_version(reached);
  out->more = reached < last;
  return true;
}

static bool fetch(const ls_fetch_request *request, ls_founds *out, ls_error *error) {
  const ls_strings *columns = &request->selection.columns;
  if (!note_known(&request->selection.object, columns, error)) return false;
  if (request->by.len != 1 || !ls_is(&request->by.ptr[0], "id")) {
    return ls_fail(error, "unsupported", "notes are looked up by their id only");
  }
  out->ptr = ls_list(request->keys.len, sizeof(ls_found));
  for (size_t at = 0; at < request->keys.len; at++) {
    const char *id = note_id(&request->keys.ptr[at]);
    if (id == NULL) return ls_fail(error, "internal", "not a key of notes");
    note there;
    bool is_there;
    if (!service_get(id, &there, &is_there, error)) return false;
    if (!is_there) continue;
    ls_found *found = &out->ptr[out->len++];
    found->index = (uint32_t)at;
    found->row = note_row(&there, columns);
  }
  return true;
}

static bool write(const ls_write_request *request, ls_outcomes *out, ls_error *error) {
  if (!note_known(&request->object, &request->columns, error)) return false;
  if (!note_known(&request->object, &request->returning, error)) return false;
  out->ptr = ls_list(request->intents.len, sizeof(ls_outcome));
  for (size_t at = 0; at < request->intents.len; at++) {
    // Counted once it is whole: what is not is not freed as one.
    if (!write_one(&request->intents.ptr[at], request, &out->ptr[at], error)) return false;
    out->len++;
  }
  return true;
}

const ls_connector connector = {
    .spec = describe,
    .open = begin,
    .check = check,
    .discover = discover,
    .start = start,
    .release = release,
    .read = read,
    .changes = changes,
    .fetch = fetch,
    .write = write,
};
