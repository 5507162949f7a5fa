// A note's columns, and how its values cross.
#include "note.h"

#include <string.h>

#define CELL(name) LOCKSTEP_CONNECTOR_MODEL_CELL_##name
// Letters that they may have.
#define ID_MAX 64
#define TITLE_MAX 200

static const struct {
  const char *name;
  const char *kind;
  uint32_t length;
  bool is_nullable;
} COLUMNS[] = {
    {"id", "text", ID_MAX, false}, {"title", "text", TITLE_MAX, false}, {"body", "text", 0, true},
    {"stars", "int", 0, true},     {"done", "bool", 0, true},
};
#define COLUMN_COUNT (sizeof COLUMNS / sizeof *COLUMNS)

void note_describe(ls_object *out) {
  const char *key[] = {"id"};
  out->name = ls_string_of(OBJECT);
  out->label = ls_string_of(OBJECT);
  out->key = ls_strings_of(1, key);
  out->columns.ptr = ls_list(COLUMN_COUNT, sizeof(ls_column));
  out->columns.len = COLUMN_COUNT;
  for (size_t at = 0; at < COLUMN_COUNT; at++) {
    ls_column *column = &out->columns.ptr[at];
    bool is_key = at == 0;
    column->name = ls_string_of(COLUMNS[at].name);
    column->label = ls_string_of(COLUMNS[at].name);
    column->type.kind = ls_string_of(COLUMNS[at].kind);
    column->type.native = ls_string_of(COLUMNS[at].kind);
    column->type.length.is_some = COLUMNS[at].length > 0;
    column->type.length.val = COLUMNS[at].length;
    column->nullable = COLUMNS[at].is_nullable;
    column->createable = true;
    column->updateable = !is_key;
    column->unique = is_key;
  }
}

bool note_known(const ls_string *object, const ls_strings *columns, ls_error *error) {
  if (!ls_is(object, OBJECT)) return ls_fail(error, "not-found", ls_format("there is no object %s", ls_c(object)));
  for (size_t at = 0; at < columns->len; at++) {
    bool is_known = false;
    for (size_t which = 0; which < COLUMN_COUNT; which++) {
      is_known = is_known || ls_is(&columns->ptr[at], COLUMNS[which].name);
    }
    if (!is_known) return ls_fail(error, "not-found", ls_format("notes have no column %s", ls_c(&columns->ptr[at])));
  }
  return true;
}

bool note_read(const ls_json *from, note *out) {
  const ls_json *id = ls_json_get(from, "id");
  out->fields = from;
  out->id = ls_json_text(from, "id");
  return id != NULL && id->kind == LS_JSON_TEXT && ls_json_integer(ls_json_get(from, "revision"), &out->revision);
}

ls_cell note_cell(const note *from, const ls_string *column) {
  const ls_json *value = ls_json_get(from->fields, ls_c(column));
  // What the service leaves out is empty, and not untold.
  if (value == NULL) return ls_null();
  int64_t number;
  switch (value->kind) {
    case LS_JSON_BOOLEAN:
      return ls_boolean(value->boolean);
    case LS_JSON_TEXT:
      return ls_text(value->text, value->bytes);
    case LS_JSON_NUMBER:
      return ls_json_integer(value, &number) ? ls_integer(number) : ls_json_cell(value->text);
    case LS_JSON_NULL:
    case LS_JSON_LIST:
    case LS_JSON_OBJECT:
      break;
  }
  return ls_null();
}

ls_cells note_cells(const note *from, const ls_strings *columns) {
  ls_cells cells = {ls_list(columns->len, sizeof(ls_cell)), columns->len};
  for (size_t at = 0; at < columns->len; at++) cells.ptr[at] = note_cell(from, &columns->ptr[at]);
  return cells;
}

ls_bytes note_version(int64_t number) {
  uint8_t bytes[VERSION_BYTES];
  for (int at = VERSION_BYTES; at-- > 0; number >>= 8) bytes[at] = (uint8_t)number;
  return ls_bytes_of(bytes, sizeof bytes);
}

ls_row note_row(const note *from, const ls_strings *columns) {
  ls_row row = {0};
  row.key.ptr = ls_list(1, sizeof(ls_cell));
  row.key.len = 1;
  row.key.ptr[0] = ls_text(from->id, strlen(from->id));
  row.cells = note_cells(from, columns);
  row.version = note_version(from->revision);
  return row;
}

const char *note_id(const ls_cells *key) {
  return key->len == 1 && key->ptr[0].tag == CELL(TEXT) ? ls_c(&key->ptr[0].val.text) : NULL;
}

static bool put_value(ls_buffer *to, const ls_cell *cell) {
  switch (cell->tag) {
    case CELL(NULL):
      ls_put(to, "null");
      return true;
    case CELL(BOOLEAN):
      ls_put(to, cell->val.boolean ? "true" : "false");
      return true;
    case CELL(INTEGER):
      ls_put(to, ls_format("%lld", (long long)cell->val.integer));
      return true;
    case CELL(TEXT):
      ls_put_quoted(to, (const char *)cell->val.text.ptr, cell->val.text.len);
      return true;
    default:
      return false;
  }
}

const char *note_json(const ls_strings *columns, const ls_cells *cells, ls_error *error) {
  ls_buffer out = {0};
  ls_put(&out, "{");
  for (size_t at = 0; at < columns->len && at < cells->len; at++) {
    if (cells->ptr[at].tag == CELL(ABSENT)) continue;
    if (out.bytes > 1) ls_put(&out, ",");
    ls_put_quoted(&out, (const char *)columns->ptr[at].ptr, columns->ptr[at].len);
    ls_put(&out, ":");
    if (!put_value(&out, &cells->ptr[at])) {
      ls_fail(error, "internal", ls_format("a note holds no such value in %s", ls_c(&columns->ptr[at])));
      return NULL;
    }
  }
  ls_put(&out, "}");
  return out.text;
}
